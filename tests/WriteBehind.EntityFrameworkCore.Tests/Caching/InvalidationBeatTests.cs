using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Sink;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.TestTools;

namespace WriteBehind.EntityFrameworkCore.Tests.Caching;

public sealed class InvalidationBeatTests
{
    [Fact]
    public async Task What_is_heard_with_the_answer_to_a_beat_is_removed_at_once()
    {
        // The beat is so long that nothing which waits for the next one is ever seen.
        var beat = TimeSpan.FromHours(1);
        var database = await SharedServers.CreateDatabaseAsync();
        await using var services = new ServiceCollection()
            .AddDbContextFactory<DocumentContext>(options => options.UseNpgsql(database))
            .BuildServiceProvider();
        await using var other = NpgsqlDataSource.Create(database);
        var time = new BeatTime();
        var cache = new RecordingInvalidator(async key =>
        {
            if (key == "first")
            {
                // While this one is applied the next is told, and a beat becomes due.
                await NotifyAsync(other, "second");
                time.Pass(beat);
            }
        });
        var contexts = new ContextSource<DocumentContext>(services.GetRequiredService<IServiceScopeFactory>());
        using var listener = new PostgresInvalidation(cache, contexts, time, NullLogger<PostgresInvalidation>.Instance) { Beat = beat };
        await listener.StartAsync(CancellationToken.None);
        await cache.Emptied.WaitAsync(Eventually.DefaultDeadline);

        await NotifyAsync(other, "first");

        await Eventually.TrueAsync(() => cache.Removed.Contains("second"));
        await listener.StopAsync(CancellationToken.None);
    }

    private static async Task NotifyAsync(NpgsqlDataSource database, string id)
    {
        await using var command = database.CreateCommand("SELECT pg_notify($1, $2)");
        command.Parameters.AddWithValue(CacheInvalidationSql.ChannelOf("recorded"));
        command.Parameters.AddWithValue($"[\"{id}\"]");
        await command.ExecuteNonQueryAsync();
    }
}
