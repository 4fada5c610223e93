using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>
/// What a connection remembers and the server does not, or has otherwise. One connection each, so that the next in the pool is the same.
/// </summary>
public sealed class SpoiledConnectionTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly Database _database = new();

    public Task InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    [Theory]
    [InlineData(DateTimeKind.Local)]
    [InlineData(DateTimeKind.Unspecified)]
    public async Task A_value_that_the_driver_refuses_in_a_cold_process_leaves_the_connection_fit_for_all_others(DateTimeKind kind)
    {
        await using var host = OneConnection();
        var sink = host.Sink<Sample>();
        var bad = new Sample { Utc = new DateTime(2026, 1, 1, 0, 0, 0, kind) };
        await AssertRefusedAsync(sink, bad);

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(Guid.NewGuid().ToString(), 1, new Sample())).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Counter>().PutAsync("after", 1, new Counter())).Outcome);
        await AssertRefusedAsync(sink, bad);
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync(Guid.NewGuid().ToString(), 1, new Sample())).Outcome);
    }

    [Fact]
    public async Task So_does_a_universal_time_in_a_column_without_time_zone()
    {
        await using var host = OneConnection();
        await AssertRefusedAsync(host.Sink<Sample>(), new Sample { Local = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc) });
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Sample>().PutAsync(Guid.NewGuid().ToString(), 1, new Sample())).Outcome);
    }

    [Fact]
    public async Task So_does_a_value_on_the_way_of_SaveChanges_where_the_driver_prepares_by_itself()
    {
        await using var host = OneConnection("Max Auto Prepare=20;Auto Prepare Min Usages=1");
        await host.ExecuteAsync("""
            CREATE TABLE stamps ("Id" int PRIMARY KEY, "At" timestamptz NOT NULL, "Tags" text[] NOT NULL, "Version" bigint NOT NULL)
            """);
        await using var stamps = new SinkHost<AdHocContext>(
            $"{_database.ConnectionString};Maximum Pool Size=1;Timeout=30;Max Auto Prepare=20;Auto Prepare Min Usages=1",
            (services, source) => services
                .AddSingleton(new AdHocModel(static model => model.Entity<Stamp>(stamp => stamp.ToTable("stamps").HasWriteBehindVersion())))
                .AddDbContext<AdHocContext>(options => options.UseNpgsql(source)));
        var sink = stamps.Sink<Stamp>();
        Assert.Contains("SaveChanges", sink.Description, StringComparison.Ordinal);
        for (var i = 0; i < 3; i++)
        {
            await AssertRefusedAsync(sink, new Stamp { At = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Local) }, "7");
            Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("8", i + 1, new Stamp { At = DateTime.UtcNow })).Outcome);
        }
    }

    [Fact]
    public async Task A_prepared_statement_that_is_gone_is_prepared_again()
    {
        await using var host = OneConnection();
        var sink = host.Sink<Counter>();
        await sink.PutAsync("a", 1, new Counter());
        await host.ExecuteAsync("DEALLOCATE ALL");
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("a", 2, new Counter())).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await sink.DeleteAsync("a", 3)).Outcome);
    }

    [Fact]
    public async Task A_prepared_statement_whose_name_is_taken_is_prepared_all_the_same()
    {
        await using var host = OneConnection();
        await host.ExecuteAsync(string.Join(';', Enumerable.Range(0, 20).Select(static i => $"PREPARE _p{i} AS SELECT 'not ours'")));
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Counter>().PutAsync("a", 1, new Counter())).Outcome);
        Assert.NotNull(await host.Sink<Counter>().FindAsync("a"));
    }

    [Fact]
    public async Task A_type_that_was_made_anew_with_its_extension_is_found_again()
    {
        const string table = "CREATE TABLE labels (\"Id\" int PRIMARY KEY, \"Marks\" hstore NOT NULL, \"Version\" bigint NOT NULL)";
        await _database.Host.ExecuteAsync($"CREATE EXTENSION hstore; {table}");
        await using var host = new SinkHost<AdHocContext>(
            $"{_database.ConnectionString};Maximum Pool Size=1;Timeout=30",
            (services, source) => services
                .AddSingleton(new AdHocModel(static model => model.Entity<Label>(label => label.ToTable("labels").HasWriteBehindVersion())))
                .AddDbContext<AdHocContext>(options => options.UseNpgsql(source)));
        var sink = host.Sink<Label>();
        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 1, new Label())).Outcome);

        await _database.Host.ExecuteAsync($"DROP EXTENSION hstore CASCADE; DROP TABLE labels; CREATE EXTENSION hstore; {table}");

        Assert.Equal(SaveOutcome.Applied, (await sink.PutAsync("1", 2, new Label { Marks = new() { ["a"] = "b" } })).Outcome);
        Assert.Equal("b", Assert.NotNull(await sink.FindAsync("1")).State.Marks["a"]);
    }

    [Fact]
    public async Task The_first_load_after_a_restart_of_the_server_succeeds_whichever_way_it_goes()
    {
        await using var server = await PostgresServer.StartAsync(new() { Fsync = false });
        await using var host = new SinkHost<TestContext>(await server.CreateDatabaseAsync());
        await host.WithContextAsync(context => context.Database.EnsureCreatedAsync());
        await host.Sink<Counter>().PutAsync("a", 1, new Counter());
        await host.Sink<Game>().PutAsync("a", 1, new Game("t", 1, []));
        await host.Sink<Article>().PutAsync("1", 1, new Article());
        (string Name, Func<Task<bool>> Load)[] loads =
        [
            ("bulk", async () => await host.Sink<Counter>().FindAsync("a") is not null),
            ("documents", async () => await host.Sink<Game>().FindAsync("a") is not null),
            ("tracked", async () => await host.Sink<Article>().FindAsync("1") is not null),
            ("versions", async () => (await host.Sink<Counter>().LoadVersionsAsync(["a"], CancellationToken.None)).Count == 1),
            ("clock", async () => (await host.Sink<Counter>().ReadClockAsync(CancellationToken.None)).ReceivedAt > 0),
        ];
        foreach (var (name, load) in loads)
        {
            // Several connections that all break: the second try must not meet another of them.
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => host.ScalarAsync<object>("SELECT pg_sleep(0.05)")));
            await server.RestartAsync();
            Assert.True(await load(), name);
        }
    }

    private static async Task AssertRefusedAsync<TState>(IEntitySink<TState> sink, TState bad, string? id = null)
        where TState : class
    {
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.PutAsync(id ?? Guid.NewGuid().ToString(), 1, bad));
        Assert.Equal((SinkFailure.Entity, null, false), (error.Failure, error.Code, error.OutcomeUnknown));
        Assert.Contains("DateTime", error.Message, StringComparison.Ordinal);
    }

    private SinkHost<TestContext> OneConnection(string more = "")
        => new($"{_database.ConnectionString};Maximum Pool Size=1;Timeout=30;{more}");

    private sealed class Stamp
    {
        public int Id { get; set; }

        public DateTime At { get; set; }

        public string[] Tags { get; set; } = [];
    }

    private sealed class Label
    {
        public int Id { get; set; }

        public Dictionary<string, string> Marks { get; set; } = [];
    }
}
