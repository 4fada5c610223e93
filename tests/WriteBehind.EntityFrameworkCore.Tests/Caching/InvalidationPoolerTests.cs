using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Sink;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Caching;

/// <summary>Notifications, with PgBouncer on their way.</summary>
public sealed class InvalidationPoolerTests
{
    [Fact]
    public async Task Behind_a_pooler_in_transaction_mode_it_says_that_it_hears_nothing_and_empties_the_cache_time_and_again()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(database);
        await using var services = Services(pooler.ConnectionString);
        var (cache, log) = (new RecordingInvalidator(static _ => Task.CompletedTask), new Lines());
        using var listener = Listener(cache, services, log);
        await listener.StartAsync(CancellationToken.None);

        await Eventually.TrueAsync(() => cache.EmptiedTimes >= 3, because: "the cache is emptied time and again");

        Assert.Contains(log.Written, static line => line.Contains("do not arrive", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Written, static line => line.StartsWith("Listening", StringComparison.Ordinal));
        var status = Assert.Single(listener.Loops.Status);
        Assert.Equal("listen recorded", status.Name);
        Assert.True(status.ConsecutiveFailures > 0);
        Assert.Contains("pooler", status.LastError, StringComparison.Ordinal);
        await listener.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Behind_a_pooler_in_session_mode_it_listens()
    {
        var database = await SharedServers.CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(database, "pool_mode = session");
        await using var services = Services(pooler.ConnectionString);
        var (cache, log) = (new RecordingInvalidator(static _ => Task.CompletedTask), new Lines());
        using var listener = Listener(cache, services, log, proof: Eventually.DefaultDeadline);
        await listener.StartAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => log.Written.Any(static line => line.StartsWith("Listening", StringComparison.Ordinal)));

        await using var direct = NpgsqlDataSource.Create(database);
        await using var command = direct.CreateCommand("SELECT pg_notify($1, '[\"changed\"]')");
        command.Parameters.AddWithValue(CacheInvalidationSql.ChannelOf("recorded"));
        await command.ExecuteNonQueryAsync();

        await Eventually.TrueAsync(() => cache.Removed.Contains("changed"));
        Assert.Equal(0, Assert.Single(listener.Loops.Status).ConsecutiveFailures);
        await listener.StopAsync(CancellationToken.None);
    }

    private static ServiceProvider Services(string connectionString)
        => new ServiceCollection()
            .AddDbContextFactory<DocumentContext>(options => options.UseNpgsql(connectionString))
            .BuildServiceProvider();

    private static PostgresInvalidation Listener(RecordingInvalidator cache, IServiceProvider services, Lines log, TimeSpan? proof = null)
        => new(cache, new ContextSource<DocumentContext>(services.GetRequiredService<IServiceScopeFactory>()), TimeProvider.System, log)
        {
            Proof = proof ?? TimeSpan.FromSeconds(1),
            Poll = TimeSpan.FromMilliseconds(100),
        };
}
