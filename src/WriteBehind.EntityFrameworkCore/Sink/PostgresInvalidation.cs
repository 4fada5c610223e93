using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using WriteBehind.Caching;
using WriteBehind.Common;
using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// Listens to PostgreSQL for one cache. Notifications are not kept for whoever is not connected, so each time it begins to listen it
/// empties the cache first: after LISTEN, so that nothing falls between the two.
/// </summary>
/// <remarks>
/// LISTEN succeeds behind a pooler in transaction mode, too, and nothing is ever heard: the notifications go to whoever uses that backend
/// next. So it is proved first that this connection hears, by a notification that another connection sends while this one is idle. (Its own
/// NOTIFY would run on the backend that listens, and be heard there.) While it does not hear, the cache is emptied from time to time
/// instead.
/// </remarks>
internal sealed partial class PostgresInvalidation(
    ICacheInvalidator cache, ContextSource contexts, TimeProvider time, ILogger logger) : BackgroundService
{
    private const string Everything = "*";

    private const string HearsNothing =
        "PostgreSQL's notifications do not arrive, though LISTEN succeeds: a pooler in transaction mode stands in between, perhaps. The " +
        "cache is emptied time and again instead. Give AddPostgresInvalidation a context that connects past the pooler.";

    /// <summary>How long after the death of the listener another one may take over.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);
    private readonly string _name = $"listen {cache.Name}";
    private bool _deaf;

    /// <summary>Where it says how it is doing.</summary>
    internal OtherLoops Loops { get; init; } = new();

    /// <summary>How often the lease is renewed, and a silent connection is asked whether it is still there.</summary>
    internal TimeSpan Beat { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long the notification that proves the connection is waited for.</summary>
    internal TimeSpan Proof { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the cache is emptied where notifications don't arrive.</summary>
    internal TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Beat;
            try
            {
                if (!await cache.TryLeadAsync(Lease, stoppingToken).ConfigureAwait(false)
                    || await ListenAsync(stoppingToken).ConfigureAwait(false))
                {
                    // Another process listens.
                    Loops.Works(_name, time.GetUtcNow());
                }
                else
                {
                    await PollAsync(stoppingToken).ConfigureAwait(false);
                    pause = TimeSpan.Zero;
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
                Loops.Fails(_name, e.Message);
                pause = PauseAfterFailure;
            }

            await Task.Delay(pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Loops.Ended(_name);
        await ResignAsync().ConfigureAwait(false);
    }

    /// <summary>Listens until this process leads no more; false where nothing can be heard.</summary>
    private async Task<bool> ListenAsync(CancellationToken cancellationToken)
    {
        var rented = contexts.Rent();
        await using (rented.ConfigureAwait(false))
        {
            await rented.OpenAsync(cancellationToken).ConfigureAwait(false);
            var connection = rented.Connection;
            var channel = CacheInvalidationSql.ChannelOf(cache.Name);
            var messages = new ConcurrentQueue<string>();
            void Hear(object sender, NpgsqlNotificationEventArgs heard)
            {
                if (heard.Channel == channel)
                {
                    messages.Enqueue(heard.Payload);
                }
            }

            connection.Notification += Hear;
            try
            {
                await RunAsync(connection, $"LISTEN {SqlName.Quote(channel)}", cancellationToken).ConfigureAwait(false);
                if (!await HearsAsync(connection, cancellationToken).ConfigureAwait(false))
                {
                    return false;
                }

                _deaf = false;
                await cache.RemoveAllAsync(cancellationToken).ConfigureAwait(false);
                Listening(logger, cache.Name);
                Loops.Works(_name, time.GetUtcNow());
                await PumpAsync(connection, messages, cancellationToken).ConfigureAwait(false);
                return true;
            }
            finally
            {
                connection.Notification -= Hear;
            }
        }
    }

    /// <summary>
    /// Whether what another connection tells arrives here. The channel is this proof's own: whoever else listens is not troubled.
    /// </summary>
    private async Task<bool> HearsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var proof = $"write_behind_proof_{Guid.NewGuid():n}";
        var heard = false;
        void Hear(object sender, NpgsqlNotificationEventArgs told) => heard |= told.Channel == proof;
        connection.Notification += Hear;
        try
        {
            await RunAsync(connection, $"LISTEN {proof}", cancellationToken).ConfigureAwait(false);
            var other = contexts.Rent();
            await using (other.ConfigureAwait(false))
            {
                await other.OpenAsync(cancellationToken).ConfigureAwait(false);
                await RunAsync(other.Connection, $"NOTIFY {proof}", cancellationToken).ConfigureAwait(false);
            }

            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Proof);
            try
            {
                // What changes meanwhile ends the wait as well. It stays in the queue.
                while (!heard)
                {
                    await connection.WaitAsync(limit.Token).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return false;
            }

            await RunAsync(connection, $"UNLISTEN {proof}", cancellationToken).ConfigureAwait(false);
            return true;
        }
        finally
        {
            connection.Notification -= Hear;
        }
    }

    /// <summary>Empties the cache, and waits until it is time to do so again. Then listening is tried anew.</summary>
    private async Task PollAsync(CancellationToken cancellationToken)
    {
        if (!_deaf)
        {
            _deaf = true;
            Deaf(logger, cache.Name, Poll);
        }

        Loops.Fails(_name, HearsNothing);

        await cache.RemoveAllAsync(cancellationToken).ConfigureAwait(false);
        for (var waited = TimeSpan.Zero; waited < Poll; waited += Beat)
        {
            await Task.Delay(Beat < Poll ? Beat : Poll, time, cancellationToken).ConfigureAwait(false);
            if (!await cache.TryLeadAsync(Lease, cancellationToken).ConfigureAwait(false))
            {
                return;
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

            Loops.Works(_name, time.GetUtcNow());
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

    [LoggerMessage(
        3,
        LogLevel.Warning,
        "PostgreSQL's notifications for the cache '{Cache}' do not arrive, though LISTEN succeeds: a pooler in transaction mode stands " +
        "in between, perhaps. The cache is emptied every {Poll} instead. Give AddPostgresInvalidation a context that connects past the " +
        "pooler.")]
    private static partial void Deaf(ILogger logger, string cache, TimeSpan poll);
}
