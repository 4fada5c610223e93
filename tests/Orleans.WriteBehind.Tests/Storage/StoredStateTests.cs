using System.Globalization;
using System.Text.Json.Serialization;
using Orleans.Storage;
using WriteBehind;
using WriteBehind.TestTools;

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

    [Theory]
    [InlineData("Shelf", false)]
    [InlineData("Shelf", true)]
    [InlineData("Colour", false)]
    [InlineData("Colour", true)]
    [InlineData("Pet", false)]
    [InlineData("Pet", true)]
    public async Task What_a_newer_release_stored_is_left_to_it(string news, bool flushed)
    {
        var (storage, id) = (silo.StorageOf("carts"), NewId());
        var state = new GrainState<New.State>(new());
        switch (news)
        {
            case "Shelf":
                state.State!.Parts = [new() { Shelf = "B7" }];
                break;
            case "Colour":
                state.State!.Colour = New.Colour.Blue;
                break;
            default:
                state.State!.Pet = new New.Cat();
                break;
        }

        await storage.WriteStateAsync("parcel", id, state);
        await silo.FlushIfAsync(flushed);

        var error = await Assert.ThrowsAsync<PayloadException>(() => ReadAsync<Old.State>(storage, id));
        Assert.True(error.Problem == PayloadProblem.NewerSchema, error.Message);
        Assert.Equivalent(state.State, (await ReadAsync<New.State>(storage, id)).State, strict: true);
    }

    [Fact]
    public async Task A_member_of_a_newer_release_in_what_the_silo_s_serializer_wrote_is_left_to_it()
    {
        var (storage, id, shrunk) = (silo.StorageOf("silo"), NewId(), NewId());
        await storage.WriteStateAsync("parcel", id, new GrainState<Old.Box>(new() { Parts = [new(), new()] }));
        await storage.WriteStateAsync("parcel", shrunk, new GrainState<Old.Shrunk>(new() { Parts = [new(), new()] }));
        await silo.FlushIfAsync(true);
        Assert.Equal(2, (await ReadAsync<Old.Box>(storage, id)).State!.Parts.Length);

        // As the newer release has it. (Orleans' JSON names the class, and a process has no two of one name.)
        await silo.Cluster.Database.ScalarAsync(
            """
            UPDATE write_behind_documents
            SET state = jsonb_build_object('$orleans', replace(state->>'$orleans', '"$id":"3"', '"$id":"3","Shelf":"B7"'))
            WHERE id LIKE '%' || @one OR id LIKE '%' || @other
            """,
            new Npgsql.NpgsqlParameter("one", $"{id.Key}"),
            new Npgsql.NpgsqlParameter("other", $"{shrunk.Key}"));
        var error = await Assert.ThrowsAsync<PayloadException>(() => ReadAsync<Old.Box>(storage, id));

        Assert.Equal(PayloadProblem.NewerSchema, error.Problem);
        Assert.Contains("Shelf", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, (await ReadAsync<Old.Shrunk>(storage, shrunk)).State!.Parts.Length);
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

    private static class Old
    {
        [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
        public enum Colour
        {
            Red,
        }

        public sealed class State
        {
            public List<Part> Parts { get; set; } = [];

            public Colour Colour { get; set; }

            public Pet? Pet { get; set; }
        }

        public sealed class Part;

        public sealed class Box
        {
            public Part[] Parts { get; set; } = [];
        }

        [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
        public sealed class Shrunk
        {
            public Part[] Parts { get; set; } = [];
        }

        [JsonDerivedType(typeof(Dog), "dog")]
        public abstract class Pet;

        public sealed class Dog : Pet;
    }

    private static class New
    {
        [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
        public enum Colour
        {
            Red,
            Blue,
        }

        public sealed class State
        {
            public List<Part> Parts { get; set; } = [];

            public Colour Colour { get; set; }

            public Pet? Pet { get; set; }
        }

        public sealed class Part
        {
            public string? Shelf { get; set; }
        }

        [JsonDerivedType(typeof(Dog), "dog")]
        [JsonDerivedType(typeof(Cat), "cat")]
        public abstract class Pet;

        public sealed class Dog : Pet;

        public sealed class Cat : Pet;
    }
}
