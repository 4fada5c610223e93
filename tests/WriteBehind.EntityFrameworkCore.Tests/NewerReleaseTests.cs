using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>Two releases at once: the older one leaves states that it does not know whole, on each way to a row.</summary>
public sealed class NewerReleaseTests
{
    [Fact]
    public Task A_member_on_the_bulk_path() => LeavesAsync<New.Flat, Old.Flat>(
        static model => model.Entity<New.Flat>().ToTable("flats").HasWriteBehindVersion(),
        static model => model.Entity<Old.Flat>().ToTable("flats").HasWriteBehindVersion(),
        new New.Flat(1, "a", null),
        new New.Flat(1, "b", "B7"));

    [Fact]
    public Task A_name_of_an_enum_on_the_bulk_path() => LeavesAsync<New.Tinted, Old.Tinted>(
        static model => model.Entity<New.Tinted>()
            .ToTable("tinted").HasWriteBehindVersion().Property(x => x.Colour).HasConversion<string>(),
        static model => model.Entity<Old.Tinted>()
            .ToTable("tinted").HasWriteBehindVersion().Property(x => x.Colour).HasConversion<string>(),
        new New.Tinted(1, New.Colour.Red),
        new New.Tinted(1, New.Colour.Blue));

    [Fact]
    public Task A_nested_member_on_the_tracked_path() => LeavesAsync<New.Whole, Old.Whole>(
        static model => model.Entity<New.Whole>().ToTable("wholes").HasWriteBehindVersion().OwnsOne(x => x.Part),
        static model => model.Entity<Old.Whole>().ToTable("wholes").HasWriteBehindVersion().OwnsOne(x => x.Part),
        new New.Whole { Id = 1, Part = new() { Name = "a" } },
        new New.Whole { Id = 1, Part = new() { Name = "b", Shelf = "B7" } });

    [Fact]
    public Task A_member_in_a_collection_in_the_generic_table() => LeavesAsync<New.Tree, Old.Tree>(
        Documents,
        Documents,
        new New.Tree(),
        new New.Tree { Parts = [new() { Name = "a" }, new() { Name = "b", Shelf = "B7" }] },
        inRow: true);

    [Fact]
    public Task A_derived_class_in_the_generic_table() => LeavesAsync<New.Tree, Old.Tree>(
        Documents, Documents, new New.Tree(), new New.Tree { Pets = [new New.Dog(), new New.Cat()] }, inRow: true);

    [Fact]
    public Task A_name_of_an_enum_in_the_generic_table() => LeavesAsync<New.Tree, Old.Tree>(
        Documents, Documents, new New.Tree(), new New.Tree { Colour = New.Colour.Blue }, inRow: true);

    private static void Documents(ModelBuilder model) => model.AddWriteBehindDocuments();

    private static async Task LeavesAsync<TNew, TOld>(
        Action<ModelBuilder> newModel, Action<ModelBuilder> oldModel, TNew known, TNew unknown, bool inRow = false)
        where TNew : class
        where TOld : class
    {
        var (postgres, prefix) = (await SharedServers.CreateDatabaseAsync(), SharedServers.FreshName("releases"));
        await using var newer = await StartAsync<TNew>(newModel, postgres, prefix, create: true);
        await using var older = await StartAsync<TOld>(oldModel, postgres, prefix, create: false);
        var (ours, theirs) = (newer.GetRequiredService<IWriteBehindEngine>(), older.GetRequiredService<IWriteBehindEngine>());
        var store = ours.Store<TNew>("thing");
        await store.SetAsync("1", known);
        Assert.True((await ours.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        await store.SetAsync("1", unknown);

        Assert.Equal("1", Assert.Single((await theirs.FlushAllAsync(TimeSpan.FromSeconds(60))).Rejected).Id);
        await LeftAsync(theirs);
        var status = (await ours.GetStatusAsync()).Types.Single();
        Assert.Equal((1, 0), (status.Dirty, status.DeadLetters));

        Assert.True((await ours.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        if (inRow)
        {
            await LeftAsync(theirs);
        }

        Assert.Equivalent(unknown, (await store.GetAsync("1"))!.State, strict: true);
        foreach (var service in newer.GetServices<IHostedService>().Concat(older.GetServices<IHostedService>()))
        {
            await service.StopAsync(CancellationToken.None);
        }

        static async Task LeftAsync(IWriteBehindEngine engine)
        {
            var store = engine.Store<TOld>("thing");
            foreach (var use in new Func<Task>[] { () => store.GetAsync("1"), () => store.UpdateAsync("1", static state => state!) })
            {
                Assert.Equal(PayloadProblem.NewerSchema, (await Assert.ThrowsAsync<PayloadException>(use)).Problem);
            }
        }
    }

    private static Task<ServiceProvider> StartAsync<TState>(Action<ModelBuilder> model, string postgres, string prefix, bool create)
        where TState : class
        => AdHocEngine.StartAsync(
            model,
            postgres,
            prefix,
            create,
            static types => types.AddEntity<TState>(
                "thing", static type => (type.FlushDelay, type.MaxAge) = (TimeSpan.FromMinutes(30), TimeSpan.FromHours(1))));

    private static class Old
    {
        [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
        public enum Colour
        {
            Red,
        }

        public sealed record Flat(int Id, string Name);

        public sealed record Tinted(int Id, Colour Colour);

        public sealed class Whole
        {
            public int Id { get; set; }

            public Part? Part { get; set; }
        }

        public sealed class Part
        {
            public string? Name { get; set; }
        }

        public sealed class Tree
        {
            public List<Part> Parts { get; set; } = [];

            public List<Pet> Pets { get; set; } = [];

            public Colour Colour { get; set; }
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

        public sealed record Flat(int Id, string Name, string? Shelf);

        public sealed record Tinted(int Id, Colour Colour);

        public sealed class Whole
        {
            public int Id { get; set; }

            public Part? Part { get; set; }
        }

        public sealed class Part
        {
            public string? Name { get; set; }

            public string? Shelf { get; set; }
        }

        public sealed class Tree
        {
            public List<Part> Parts { get; set; } = [];

            public List<Pet> Pets { get; set; } = [];

            public Colour Colour { get; set; }
        }

        [JsonDerivedType(typeof(Dog), "dog")]
        [JsonDerivedType(typeof(Cat), "cat")]
        public abstract class Pet;

        public sealed class Dog : Pet;

        public sealed class Cat : Pet;
    }
}
