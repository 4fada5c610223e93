using Orleans.Storage;
using WriteBehind.TestTools;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>
/// What every grain storage provider must do, case by case as in Orleans' own conformance kit (src/Orleans.Persistence.TestKit). Each with
/// the state still in Redis and with it flushed to PostgreSQL, as the answers come from different places.
/// </summary>
public sealed class StorageConformanceTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    private const string Name = "cart";

    private readonly IGrainStorage _storage = silo.Storage;

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task What_was_written_is_read(bool flushed)
    {
        var (id, state) = New("Привет, мир");

        await WriteAsync(id, state, flushed);

        var read = await ReadAsync(id);
        Assert.Equal((state.State, state.ETag, true), (read.State, read.ETag, read.RecordExists));
        Assert.True(state.RecordExists);
    }

    [Fact]
    public async Task Nothing_there_reads_as_a_fresh_state_without_an_etag()
    {
        var (id, state) = New("stale");
        (state.RecordExists, state.ETag) = (true, null);

        await _storage.ReadStateAsync(Name, id, state);

        Assert.Equal((new Cart(), null, false), (state.State, state.ETag, state.RecordExists));
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task Writing_without_an_etag_what_is_there_is_inconsistent(bool flushed)
    {
        var (id, state) = New("first");
        await WriteAsync(id, state, flushed);
        state.ETag = null;

        var error = await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, id, state));

        Assert.Equal("1", error.StoredEtag);
        Assert.IsType<global::WriteBehind.WriteConflictException>(error.InnerException);
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task Writing_with_an_old_etag_is_inconsistent_and_changes_nothing(bool flushed)
    {
        var (id, state) = New("initial");
        await WriteAsync(id, state, flushed);
        var old = state.ETag;
        state.State!.Owner = "latest";
        await WriteAsync(id, state, flushed);

        var stale = new GrainState<Cart>(new Cart { Owner = "stale" }, old) { RecordExists = true };
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, id, stale));

        var read = await ReadAsync(id);
        Assert.Equal(("latest", state.ETag), (read.State!.Owner, read.ETag));
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task Clearing_with_an_old_etag_is_inconsistent_and_changes_nothing(bool flushed)
    {
        var (id, state) = New("initial");
        await WriteAsync(id, state, flushed);
        var old = state.ETag;
        state.State!.Owner = "latest";
        await WriteAsync(id, state, flushed);

        var stale = new GrainState<Cart>(new Cart(), old) { RecordExists = true };
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.ClearStateAsync(Name, id, stale));

        var read = await ReadAsync(id);
        Assert.Equal(("latest", state.ETag, true), (read.State!.Owner, read.ETag, read.RecordExists));
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task The_etag_alone_decides_whatever_the_caller_says_of_the_record(bool flushed)
    {
        // A journaled grain with state storage keeps the tag, and makes a new grain state for each write.
        var (id, state) = New("first");
        await WriteAsync(id, state, flushed);

        var next = new GrainState<Cart>(new Cart { Owner = "second" }, state.ETag) { RecordExists = false };
        await WriteAsync(id, next, flushed);
        var clear = new GrainState<Cart>(new Cart(), next.ETag) { RecordExists = false };
        await _storage.ClearStateAsync(Name, id, clear);

        Assert.Equal(("2", true), (next.ETag, next.RecordExists));
        Assert.False((await ReadAsync(id)).RecordExists);
        var again = new GrainState<Cart>(new Cart { Owner = "third" }, clear.ETag) { RecordExists = false };
        await _storage.WriteStateAsync(Name, id, again);
        Assert.Equal("third", (await ReadAsync(id)).State!.Owner);
    }

    [Fact]
    public async Task An_etag_where_nothing_is_stored_is_inconsistent()
    {
        var (id, state) = New("first");
        state.ETag = "1234567";

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, id, state));
        state.RecordExists = true;
        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, id, state));

        Assert.False((await ReadAsync(id)).RecordExists);
    }

    [Fact]
    public async Task A_grain_with_an_integer_key_is_written_and_read()
    {
        var id = GrainId.Create(GrainType.Create("conformance"), GrainIdKeyExtensions.CreateIntegerKey(Random.Shared.NextInt64()));
        var state = new GrainState<Cart>(new Cart { Owner = "first" });

        await WriteAsync(id, state, flushed: false);

        Assert.Equal((state.State, state.ETag), ((await ReadAsync(id)).State, (await ReadAsync(id)).ETag));
    }

    [Fact]
    public async Task An_etag_of_another_provider_is_inconsistent()
    {
        var (id, state) = New("first");
        state.ETag = Guid.NewGuid().ToString("N");

        await Assert.ThrowsAsync<InconsistentStateException>(() => _storage.WriteStateAsync(Name, id, state));
        Assert.False((await ReadAsync(id)).RecordExists);
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task A_cleared_state_reads_as_absent_and_can_be_written_again(bool flushed)
    {
        var (id, state) = New("first");
        await WriteAsync(id, state, flushed);
        var written = state.ETag;

        await _storage.ClearStateAsync(Name, id, state);
        await silo.FlushIfAsync(flushed);
        Assert.Equal((new Cart(), false), (state.State, state.RecordExists));
        Assert.NotEqual(written, state.ETag);

        var absent = await ReadAsync(id);
        Assert.Equal((new Cart(), state.ETag, false), (absent.State, absent.ETag, absent.RecordExists));

        var cleared = state.ETag;
        var again = new GrainState<Cart>(new Cart { Owner = "second" }, state.ETag);
        await WriteAsync(id, again, flushed);
        Assert.True(again.RecordExists);
        Assert.NotEqual(cleared, again.ETag);
        Assert.Equal("second", (await ReadAsync(id)).State!.Owner);
    }

    [Theory]
    [MemberData(nameof(StorageSilo.Places), MemberType = typeof(StorageSilo))]
    public async Task Clearing_twice_is_the_same_as_once(bool flushed)
    {
        var (id, state) = New("first");
        await WriteAsync(id, state, flushed);

        await _storage.ClearStateAsync(Name, id, state);
        await silo.FlushIfAsync(flushed);
        await _storage.ClearStateAsync(Name, id, state);

        Assert.Equal((new Cart(), false), (state.State, state.RecordExists));
        Assert.False((await ReadAsync(id)).RecordExists);
    }

    [Fact]
    public async Task Clearing_what_was_never_written_is_fine()
    {
        var (id, state) = New("stale");
        state.RecordExists = true;

        await _storage.ClearStateAsync(Name, id, state);

        Assert.Equal((new Cart(), false), (state.State, state.RecordExists));
        Assert.False((await ReadAsync(id)).RecordExists);
    }

    [Fact]
    public async Task Every_write_has_a_new_etag_even_of_the_same_values()
    {
        var (id, state) = New("same");
        var etags = new HashSet<string?>();
        for (var i = 0; i < 3; i++)
        {
            await _storage.WriteStateAsync(Name, id, state);
            etags.Add(state.ETag);
        }

        Assert.Equal(["1", "2", "3"], etags);
    }

    [Fact]
    public async Task State_names_grain_types_and_keys_are_kept_apart()
    {
        var key = Guid.NewGuid().ToString("N");
        (string State, GrainId Grain)[] names =
        [
            ("a", GrainId.Create("one", key)), ("b", GrainId.Create("one", key)), ("a", GrainId.Create("two", key)),
            ("a", GrainId.Create("one", key + "|")),
            ("a|one", GrainId.Create("one", key)), ("a", GrainId.Create("one", "one|" + key)),
        ];
        foreach (var (name, i) in names.Select((name, i) => (name, i)))
        {
            await _storage.WriteStateAsync(name.State, name.Grain, new GrainState<Cart>(new Cart { Items = i }));
        }

        foreach (var (name, i) in names.Select((name, i) => (name, i)))
        {
            var read = new GrainState<Cart>();
            await _storage.ReadStateAsync(name.State, name.Grain, read);
            Assert.Equal((i, "1"), (read.State!.Items, read.ETag));
        }
    }

    [Fact]
    public async Task Many_grains_may_write_and_read_at_once()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), async (_, _) =>
        {
            var (id, state) = New("parallel");
            for (var i = 1; i <= 10; i++)
            {
                state.State!.Items = i;
                await _storage.WriteStateAsync(Name, id, state);
                var read = await ReadAsync(id);
                Assert.Equal((state.State, state.ETag), (read.State, read.ETag));
            }
        });
    }

    [Fact]
    public async Task A_write_on_an_etag_that_came_with_a_migrated_grain_goes_through()
    {
        var (id, state) = New("here");
        await WriteAsync(id, state, flushed: true);

        var elsewhere = new GrainState<Cart>(new Cart { Owner = "there" }, state.ETag) { RecordExists = true };
        await _storage.WriteStateAsync(Name, id, elsewhere);

        Assert.Equal(("2", "there"), (elsewhere.ETag, (await ReadAsync(id)).State!.Owner));
    }

    private static (GrainId Id, GrainState<Cart> State) New(string owner)
        => (GrainId.Create("conformance", SharedServers.FreshName("key")),
            new GrainState<Cart>(new Cart { Owner = owner, Items = 2, Total = 3 }));

    private async Task WriteAsync(GrainId id, GrainState<Cart> state, bool flushed)
    {
        await _storage.WriteStateAsync(Name, id, state);
        await silo.FlushIfAsync(flushed);
    }

    private async Task<GrainState<Cart>> ReadAsync(GrainId id)
    {
        var state = new GrainState<Cart>();
        await _storage.ReadStateAsync(Name, id, state);
        return state;
    }
}
