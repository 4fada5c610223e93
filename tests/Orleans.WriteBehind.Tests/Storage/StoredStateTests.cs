using System.Globalization;
using Orleans.Storage;
using WriteBehind;
using WriteBehind.Testing;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>What Orleans users store comes back as it was, or is refused before it is acknowledged.</summary>
public sealed class StoredStateTests(StorageSilo silo) : IClassFixture<StorageSilo>
{
    [Theory]
    [InlineData("carts", false)]
    [InlineData("carts", true)]
    [InlineData("silo", false)]
    [InlineData("silo", true)]
    [InlineData("binary", false)]
    [InlineData("binary", true)]
    public async Task A_state_with_interfaces_derived_objects_and_objects_comes_back(string provider, bool flushed)
    {
        var (storage, id) = (silo.StorageOf(provider), NewId());

        await storage.WriteStateAsync("parcel", id, new GrainState<Parcel>(Parcel.New()));
        await silo.FlushIfAsync(flushed);

        Parcel.New().AssertSame((await ReadAsync<Parcel>(storage, id)).State);
    }

    [Fact]
    public async Task A_state_that_json_alone_can_not_keep_is_refused_where_json_alone_is_wanted()
    {
        var (storage, id) = (silo.StorageOf("json"), NewId());

        var error = await Assert.ThrowsAsync<PayloadException>(
            () => storage.WriteStateAsync("parcel", id, new GrainState<Parcel>(Parcel.New())));

        Assert.Equal(PayloadProblem.NotSerializable, error.Problem);
        Assert.Contains("Parcel.First", error.Message, StringComparison.Ordinal);
        Assert.False((await ReadAsync<Parcel>(storage, id)).RecordExists);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Each_state_is_json_where_it_can_be_and_wrapped_where_not(bool flushed)
    {
        var (storage, plain, fragile) = (silo.StorageOf("carts"), NewId(), NewId());
        var state = new GrainState<Labelled>(new Labelled { Labels = [new Label { Text = "a" }] });
        await storage.WriteStateAsync("parcel", plain, state);
        await storage.WriteStateAsync(
            "parcel", fragile,
            new GrainState<Labelled>(new Labelled { Labels = [new FragileLabel { Text = "b", Height = 3 }] }));
        await silo.FlushIfAsync(flushed);

        Assert.Equal("a", (await ReadAsync<Labelled>(storage, plain)).State!.Labels[0].Text);
        Assert.Equal(3, Assert.IsType<FragileLabel>((await ReadAsync<Labelled>(storage, fragile)).State!.Labels[0]).Height);
        if (flushed)
        {
            Assert.Equal("a", await TextAsync(plain, "state->'Labels'->0->>'Text'"));
            Assert.StartsWith("{", await TextAsync(fragile, "state->>'$orleans'"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("carts")]
    [InlineData("silo")]
    public async Task What_no_serializer_shows_is_refused(string provider)
    {
        var (storage, id) = (silo.StorageOf(provider), NewId());
        var state = new GrainState<Secretive>(new Secretive { Name = "x" });
        await storage.WriteStateAsync("secret", id, state);
        state.State!.Hit();

        var error = await Assert.ThrowsAsync<PayloadException>(() => storage.WriteStateAsync("secret", id, state));

        Assert.Contains("_hits", error.Message, StringComparison.Ordinal);
    }

    private static GrainId NewId() => GrainId.Create("stored", SharedServers.FreshName("key"));

    private static async Task<GrainState<T>> ReadAsync<T>(IGrainStorage storage, GrainId id)
    {
        var read = new GrainState<T>();
        await storage.ReadStateAsync(typeof(T) == typeof(Secretive) ? "secret" : "parcel", id, read);
        return read;
    }

    private async Task<string> TextAsync(GrainId id, string what)
        => Convert.ToString(
            await silo.Cluster.Database.ScalarAsync($"SELECT {what} FROM write_behind_documents WHERE id LIKE '%{id.Key}'"),
            CultureInfo.InvariantCulture)!;
}
