using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using WriteBehind.Caching;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// Listens to PostgreSQL for one cache. Notifications are not kept for whoever is not connected, so each time it begins to listen it
/// empties the cache first: after LISTEN, so that nothing falls between the two.
/// </summary>
internal sealed partial class PostgresInvalidation(
    ICacheInvalidator cache, ContextSource contexts, TimeProvider time, ILogger logger) : BackgroundService
{
    private const string Everything = "*";

    /// <summary>How long after the death of the listener another one may take over.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    /// <summary>How often the lease is renewed, and a silent connection is asked whether it is still there.</summary>
    internal TimeSpan Beat { get; init; } = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Beat;
            try
            {
                if (await cache.TryLeadAsync(Lease, stoppingToken).ConfigureAwait(false))
                {
                    await ListenAsync(stoppingToken).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
#pragma warning disable CA1031 // Whatever fails, it begins again: the entries would go stale without anybody noticing.
            catch (Exception e)
#pragma warning restore CA1031
            {
                Broken(logger, e, cache.Name);
                pause = PauseAfterFailure;
            }

            await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await ResignAsync().ConfigureAwait(false);
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        var rented = contexts.Rent();
        await using (rented.ConfigureAwait(false))
        {
            await rented.OpenAsync(cancellationToken).ConfigureAwait(false);
            var connection = rented.Connection;
            var messages = new ConcurrentQueue<string>();
            void Hear(object sender, NpgsqlNotificationEventArgs heard) => messages.Enqueue(heard.Payload);
            connection.Notification += Hear;
            try
            {
                await RunAsync(
                    connection,
                    $"LISTEN {SqlName.Quote(CacheInvalidationSql.ChannelOf(cache.Name))}",
                    cancellationToken).ConfigureAwait(false);
                await cache.RemoveAllAsync(cancellationToken).ConfigureAwait(false);
                Listening(logger, cache.Name);
                await PumpAsync(connection, messages, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                connection.Notification -= Hear;
            }
        }
    }

    private async Task PumpAsync(NpgsqlConnection connection, ConcurrentQueue<string> messages, CancellationToken cancellationToken)
    {
        var beat = time.GetTimestamp();
        while (true)
        {
            // The answer to a beat brings along what came before it; the wait would end only with what comes after it.
            if (messages.IsEmpty)
            {
                await connection.WaitAsync(Beat, cancellationToken).ConfigureAwait(false);
            }

            await ApplyAsync(messages, cancellationToken).ConfigureAwait(false);
            if (time.GetElapsedTime(beat) < Beat / 2)
            {
                continue;
            }

            // A connection whose other end is gone without a word would wait for ever.
            beat = time.GetTimestamp();
            await RunAsync(connection, "SELECT 1", cancellationToken).ConfigureAwait(false);
            if (!await cache.TryLeadAsync(Lease, cancellationToken).ConfigureAwait(false))
            {
                // This process slept through its lease. Whoever listens now has emptied the cache.
                return;
            }
        }
    }

    private async Task ApplyAsync(ConcurrentQueue<string> messages, CancellationToken cancellationToken)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        var all = false;
        while (messages.TryDequeue(out var message))
        {
            if (Read(message) is { } some)
            {
                ids.UnionWith(some);
            }
            else
            {
                all = true;
            }
        }

        if (all)
        {
            await cache.RemoveAllAsync(cancellationToken).ConfigureAwait(false);
        }
        else if (ids.Count > 0)
        {
            await cache.RemoveAsync(ids, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The ids of a message; null for all, and for what is not understood.</summary>
    private static string[]? Read(string message)
    {
        if (message == Everything)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<string[]>(message);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = (int)Beat.TotalSeconds };
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task ResignAsync()
    {
        try
        {
            await cache.ResignAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (BufferUnavailableException)
        {
            // The lease ends by itself.
        }
    }

    [LoggerMessage(1, LogLevel.Information, "Listening to PostgreSQL for the cache '{Cache}', which was emptied first.")]
    private static partial void Listening(ILogger logger, string cache);

    [LoggerMessage(
        2, LogLevel.Warning,
        "Not listening to PostgreSQL for the cache '{Cache}'; rows changed elsewhere go unnoticed until it works again, and the cache is " +
        "emptied then.")]
    private static partial void Broken(ILogger logger, Exception error, string cache);
}
