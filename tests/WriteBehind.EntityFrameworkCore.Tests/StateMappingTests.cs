using System.ComponentModel.DataAnnotations.Schema;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>What a table makes of states: it keeps them as they are, or the mapping is refused at start.</summary>
public sealed class StateMappingTests
{
    [Fact]
    public async Task A_converter_that_converts_nulls_is_asked_about_nulls()
    {
        await using var host = await HostAsync(static model => model.Entity<Memo>(memo =>
        {
            memo.HasWriteBehindVersion();
            memo.Property(x => x.Text).HasConversion(new NullAsDash()).IsRequired();
        }));
        var sink = host.Sink<Memo>();

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, new Memo { Id = 1 })).Outcome);

        Assert.Equal("-", await host.ScalarAsync<string>("""SELECT "Text" FROM "Memo" WHERE "Id" = 1"""));
        Assert.Null((await sink.FindAsync("1"))!.Value.State.Text);
    }

    [Fact]
    public async Task Two_types_on_one_table_are_refused_and_both_are_named()
    {
        await using var host = await HostAsync(static model =>
        {
            model.Entity<Beast>().HasWriteBehindVersion();
            model.Entity<Cat>();
            model.Entity<Hen>();
        });
        host.Sink<Cat>("cat");

        var error = Assert.Throws<ConfigurationException>(() => host.Sink<Hen>("hen"));

        Assert.Contains("'cat' and 'hen'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_leaf_of_a_hierarchy_with_a_table_per_type_is_saved_and_loaded()
    {
        await using var host = await HostAsync(static model =>
        {
            model.Entity<Beast>().UseTptMappingStrategy().HasWriteBehindVersion();
            model.Entity<Cat>();
        });
        var sink = host.Sink<Cat>();
        await sink.VerifyAsync(CancellationToken.None);

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, new Cat { Id = 1, Name = "a", Lives = 9 })).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 2, new Cat { Id = 1, Name = "b", Lives = 8 })).Outcome);

        var row = (await sink.FindAsync("1"))!.Value;
        Assert.Equal((2, "b", 8), (row.Version, row.State.Name, row.State.Lives));
        Assert.Equal(SaveOutcome.Fenced, (await sink.PutAsync("1", 1, new Cat { Id = 1 })).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync("1", 3)).Outcome);
        Assert.Null(await sink.FindAsync("1"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_required_column_that_was_added_since_the_start_is_the_statements_fault(bool bulk)
    {
        await using var host = await HostAsync(bulk
            ? static model => model.Entity<Memo>().HasWriteBehindVersion()
            : static model => model.Entity<Memo>(memo =>
            {
                memo.HasWriteBehindVersion();
                memo.Property(x => x.Text).HasConversion(new NullAsDash());
            }));
        var sink = host.Sink<Memo>();
        await sink.VerifyAsync(CancellationToken.None);
        await host.ExecuteAsync("""ALTER TABLE "Memo" ADD COLUMN shelf text NOT NULL""");

        var error = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync("1", 1, new Memo { Id = 1, Text = "a" }));

        Assert.Equal(SinkFailure.Statement, error.Failure);
        Assert.Contains("\"shelf\"", error.Message, StringComparison.Ordinal);
        Assert.Contains("No flush writes this column", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_missing_value_is_the_entitys_fault_in_a_partition_too(bool bulk)
    {
        await using var host = await HostAsync(
            model => model.Entity<Memo>(memo =>
            {
                memo.HasWriteBehindVersion(columnName: "version");
                if (!bulk)
                {
                    memo.Property(x => x.Text).HasConversion(new NullAsNull());
                }
            }),
            create: false);
        await host.ExecuteAsync("""
            CREATE TABLE "Memo" ("Id" integer, "Text" text NOT NULL, version bigint NOT NULL DEFAULT 0, PRIMARY KEY ("Id"))
                PARTITION BY RANGE ("Id");
            CREATE TABLE memo_low PARTITION OF "Memo" FOR VALUES FROM (0) TO (1000);
            """);
        var sink = host.Sink<Memo>();
        await sink.VerifyAsync(CancellationToken.None);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, new Memo { Id = 1, Text = "a" })).Outcome);

        var missing = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync("1", 2, new Memo { Id = 1 }));
        await host.ExecuteAsync("""ALTER TABLE "Memo" ADD COLUMN shelf text NOT NULL DEFAULT 'x'""");
        await host.ExecuteAsync("""ALTER TABLE "Memo" ALTER COLUMN shelf DROP DEFAULT""");
        var unwritten = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync("2", 1, new Memo { Id = 2, Text = "a" }));

        Assert.Equal((SinkFailure.Entity, SinkFailure.Statement), (missing.Failure, unwritten.Failure));
    }

    [Fact]
    public async Task A_table_partitioned_by_a_date_takes_states()
    {
        await using var host = await HostAsync(
            static model => model.Entity<Measured>(e =>
            {
                e.ToTable("measured").HasWriteBehindVersion(columnName: "version");
                e.HasKey(x => new { x.Sensor, x.Day });
            }),
            create: false);
        await host.ExecuteAsync("""
            CREATE TABLE measured ("Sensor" smallint, "Day" date, "Value" integer NOT NULL,
                version bigint NOT NULL DEFAULT 0, PRIMARY KEY ("Sensor", "Day"))
                PARTITION BY RANGE ("Day");
            CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
            """);
        var sink = host.Sink<Measured>();
        await sink.VerifyAsync(CancellationToken.None);

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("7|2026-01-31", 1, new Measured { Value = 5 })).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("7|2026-01-31", 2, new Measured { Value = 6 })).Outcome);

        var row = (await sink.FindAsync("7|2026-01-31"))!.Value;
        Assert.Equal(((byte)7, new DateOnly(2026, 1, 31), 6, 2), (row.State.Sensor, row.State.Day, row.State.Value, row.Version));
        Assert.NotNull(sink.CheckId("256|2026-01-31"));
        Assert.NotNull(sink.CheckId("7|31.1.2026"));
        Assert.NotNull(sink.CheckId("7|2026-1-31"));
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync("7|2026-01-31", 3)).Outcome);
    }

    [Theory]
    [InlineData("2026-01-31T12:00:00Z", true)]
    [InlineData("2026-01-31T12:00:00.000001Z", true)]
    [InlineData("2026-01-31T12:00:00.5Z", true)]
    [InlineData("2026-01-31T12:00:00.50Z", false)]
    [InlineData("2026-01-31T12:00:00.0000001Z", false)]
    [InlineData("2026-01-31T13:00:00+01:00", false)]
    [InlineData("2026-01-31", false)]
    public async Task A_time_in_utc_is_a_key(string id, bool isKey)
    {
        await using var host = await HostAsync(static model => model.Entity<Tick>(e =>
        {
            e.HasWriteBehindVersion();
            e.HasKey(x => x.At);
        }));
        var sink = host.Sink<Tick>();

        Assert.Equal(isKey, sink.CheckId(id) is null);
        if (isKey)
        {
            Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(id, 1, new Tick { Count = 1 })).Outcome);
            Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(id, 2, new Tick { Count = 2 })).Outcome);
            Assert.Equal((id, 2), ((await sink.FindAsync(id))!.Value.Id, (await sink.FindAsync(id))!.Value.State.Count));
        }
    }

    [Fact]
    public async Task A_member_that_only_the_table_or_only_the_serializer_keeps_is_refused()
    {
        await using var host = await HostAsync(static model =>
        {
            model.Entity<Unwritten>().HasWriteBehindVersion();
            model.Entity<Unmapped>().HasWriteBehindVersion();
        });

        var unwritten = Assert.Throws<ConfigurationException>(() => host.Sink<Unwritten>());
        var unmapped = Assert.Throws<ConfigurationException>(() => host.Sink<Unmapped>());

        Assert.Equal(("Cost", "Note"), (unwritten.Setting, unmapped.Setting));
        Assert.Contains("overwritten with a default", unwritten.Message, StringComparison.Ordinal);
        Assert.Contains("[JsonIgnore]", unmapped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_part_that_its_columns_can_not_tell_from_none_is_refused()
    {
        await using var host = await HostAsync(static model =>
        {
            model.Entity<Holder>(entity =>
            {
                entity.HasWriteBehindVersion();
                entity.OwnsOne(x => x.Part);
                entity.OwnsMany(x => x.Parts);
            });
        });
        var sink = host.Sink<Holder>();

        Assert.Contains("nothing but nulls", sink.CheckEveryState(new Holder { Part = new() }), StringComparison.Ordinal);
        Assert.Null(sink.CheckEveryState(new Holder()));
        Assert.Null(sink.CheckEveryState(new Holder { Part = new() { Name = "a" }, Parts = [new()] }));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_the_converter_of_a_column_gives_back_as_another_value_is_refused(bool bulk)
    {
        await using var host = await HostAsync(model =>
        {
            model.Entity<Memo>(entity =>
            {
                entity.HasWriteBehindVersion();
                entity.Property(x => x.Text).HasConversion(text => text!.Trim(), text => text);
            });
            model.Entity<Holder>(entity =>
            {
                entity.HasWriteBehindVersion();
                entity.OwnsOne(x => x.Part, part => part.Property(x => x.Name).HasConversion(text => text!.Trim(), text => text));
                entity.OwnsMany(x => x.Parts);
            });
        });

        Assert.Contains("converter of its column", Check(" a"), StringComparison.Ordinal);
        Assert.Null(Check("a"));
        Assert.Null(Check(null));

        string? Check(string? text) => bulk
            ? host.Sink<Memo>().CheckEveryState(new Memo { Text = text })
            : host.Sink<Holder>().CheckEveryState(new Holder { Part = text is null ? null : new() { Name = text } });
    }

    [Fact]
    public async Task Rows_of_an_owned_collection_come_back_in_the_order_of_the_state()
    {
        await using var host = await HostAsync(static model => model.Entity<Holder>(entity =>
        {
            entity.HasWriteBehindVersion();
            entity.OwnsOne(x => x.Part);
            entity.OwnsMany(x => x.Parts, part => part.ToTable("parts"));
        }));
        var sink = host.Sink<Holder>();
        var state = new Holder { Parts = [.. "cabed".Select(static name => new HeldPart { Name = $"{name}" })] };
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, state)).Outcome);

        // A row that was updated stands behind the others.
        await host.ExecuteAsync("""UPDATE parts SET "Name" = "Name" WHERE "Name" = 'c'""");
        Assert.Equal(state.Parts, Assert.NotNull(await sink.FindAsync("1")).State.Parts);

        // The same write once more is known to be that.
        Assert.Equal(SaveOutcome.AlreadyThere, (await sink.PutAsync("1", 1, state)).Outcome);
        state.Parts.Reverse();
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 2, state)).Outcome);
        Assert.Equal(state.Parts, Assert.NotNull(await sink.FindAsync("1")).State.Parts);
    }

    private static async Task<SinkHost<AdHocContext>> HostAsync(Action<ModelBuilder> build, bool create = true)
    {
        var host = new SinkHost<AdHocContext>(
            await SharedServers.CreateDatabaseAsync(),
            (services, source)
                => services.AddSingleton(new AdHocModel(build)).AddDbContext<AdHocContext>(options => options.UseNpgsql(source)));
        if (create)
        {
            await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        }

        return host;
    }

#pragma warning disable EF1001 // There is no other way to say that a converter converts nulls.
    private sealed class NullAsDash()
        : ValueConverter<string?, string>(value => value ?? "-", value => value == "-" ? null : value, convertsNulls: true);

    private sealed class NullAsNull()
        : ValueConverter<string?, string?>(value => value, value => value, convertsNulls: true);
#pragma warning restore EF1001

    private sealed class Memo
    {
        public int Id { get; set; }

        public string? Text { get; set; }
    }

    private sealed class Holder
    {
        public int Id { get; set; }

        public HeldPart? Part { get; set; }

        public List<HeldPart> Parts { get; set; } = [];
    }

    private sealed record HeldPart
    {
        public string? Name { get; set; }
    }

    private class Beast
    {
        public int Id { get; set; }

        public string Name { get; set; } = "";
    }

    private sealed class Cat : Beast
    {
        public int Lives { get; set; }
    }

    private sealed class Hen : Beast
    {
        public int Eggs { get; set; }
    }

    private sealed class Measured
    {
        public byte Sensor { get; set; }

        public DateOnly Day { get; set; }

        public int Value { get; set; }
    }

    private sealed class Tick
    {
        public DateTime At { get; set; }

        public int Count { get; set; }
    }

    private sealed class Unwritten
    {
        public int Id { get; set; }

        [JsonIgnore]
        public decimal Cost { get; set; }
    }

    private sealed class Unmapped
    {
        public int Id { get; set; }

        [NotMapped]
        public string Note { get; set; } = "";
    }
}
