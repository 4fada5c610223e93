using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>However an application registers its context, and what is said when it can't work.</summary>
public sealed class RegistrationTests(Database database) : IClassFixture<Database>
{
    [Theory]
    [InlineData("AddDbContext")]
    [InlineData("AddDbContextPool")]
    [InlineData("AddDbContextFactory")]
    [InlineData("AddPooledDbContextFactory")]
    [InlineData("AddDbContext with a connection string")]
    public async Task Each_way_to_register_a_context_works(string way)
    {
        await using var host = new SinkHost<TestContext>(database.ConnectionString, (services, source) => _ = way switch
        {
            "AddDbContext" => services.AddDbContext<TestContext>(options => options.UseNpgsql(source)),
            "AddDbContextPool" => services.AddDbContextPool<TestContext>(options => options.UseNpgsql(source)),
            "AddDbContextFactory" => services.AddDbContextFactory<TestContext>(options => options.UseNpgsql(source)),
            "AddPooledDbContextFactory" => services.AddPooledDbContextFactory<TestContext>(options => options.UseNpgsql(source)),
            _ => services.AddDbContext<TestContext>(options => options.UseNpgsql(database.ConnectionString)),
        });

        var id = SharedServers.FreshName();

        // More often than there are connections: each must be given back.
        for (var version = 1; version <= 120; version++)
        {
            await host.Sink<Counter>().PutAsync(id, version, new Counter { Value = version });
        }

        await host.Sink<Article>().PutAsync("9", 1, new Article());
        await host.Sink<Article>().PutAsync("9", 2, new Article { Title = "again" });
        Assert.Equal(120, Assert.NotNull(await host.Sink<Counter>().FindAsync(id)).Version);
        Assert.Equal(0, await database.Host.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"));
    }

    [Fact]
    public async Task Statements_are_prepared_unless_that_is_turned_off()
    {
        foreach (var prepare in (bool[])[true, false])
        {
            await using var host = new SinkHost<TestContext>(
                $"{database.ConnectionString};Maximum Pool Size=1", configure: options => options.PrepareStatements = prepare);
            await host.Sink<Counter>().PutAsync("prepared", 1, new Counter());
            Assert.Equal(
                prepare, await host.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_prepared_statements WHERE statement LIKE 'INSERT%')"));
        }
    }

    [Fact]
    public async Task A_context_that_is_not_registered_is_named()
    {
        await using var host = new SinkHost<TestContext>(database.ConnectionString, static (_, _) => { });
        Assert.Contains(
            "TestContext is not registered",
            Assert.Throws<ConfigurationException>(() => host.Sink<Counter>()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Multiplexing_is_refused()
    {
        await using var host = new SinkHost<TestContext>($"{database.ConnectionString};Multiplexing=true");
        Assert.Equal("Multiplexing", Assert.Throws<ConfigurationException>(() => host.Sink<Counter>()).Setting);
    }

    [Fact]
    public async Task The_database_s_clock_is_read_before_the_moment_it_is_dated_with()
    {
        var before = TimeProvider.System.GetTimestamp();
        var clock = await database.Sink<Counter>().ReadClockAsync(CancellationToken.None);
        var here = TimeProvider.System.GetTimestamp();

        Assert.InRange(clock.ReceivedAt, before, here);
        var later = await database.Host.ScalarAsync<DateTime>("SELECT clock_timestamp()");
        Assert.InRange(clock.At, later.AddSeconds(-10), later);
    }
}
