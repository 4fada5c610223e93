using Npgsql;
using WriteBehind.Common;
using WriteBehind.EntityFrameworkCore.Loading;
using WriteBehind.EntityFrameworkCore.Model;
using WriteBehind.EntityFrameworkCore.Saving;
using WriteBehind.EntityFrameworkCore.Sql;
using WriteBehind.EntityFrameworkCore.Verification;

namespace WriteBehind.EntityFrameworkCore.Sink;

/// <summary>
/// The PostgreSQL sink of one entity type: takes a connection, has the work done by its saver and loader, and turns every failure into
/// a <see cref="SinkException"/>.
/// </summary>
internal sealed class EntityFrameworkSink<TState>(
    string type,
    string description,
    ContextSource contexts,
    TableKey key,
    ISaver<TState> saver,
    ILoader<TState> loader,
    VersionLoader versions,
    CatalogueCheck check,
    Func<TState, string?> checkState,
    Func<TState, string?>? checkEveryState,
    StuckFlushers stuck,
    PoolerWatch poolers,
    TimeProvider time) : IEntitySink<TState>
    where TState : class
{
    private const string Saving = "Saving";

    /// <summary>
    /// As a number: what a time is read as is changed by plug-ins of the data source (NodaTime's, for one) and by switches.
    /// </summary>
    private const string ClockSql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

    /// <summary>How long the database's clock is waited for. It is the breaker's probe: an outage should be known soon.</summary>
    private static readonly TimeSpan ClockPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long a load is waited for: as long as ADO.NET's own default.</summary>
    private static readonly TimeSpan LoadPatience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the driver is given to notice that patience is over. Over a healthy network it takes milliseconds; but it asks
    /// the server to cancel first, and one that is frozen keeps it waiting for the connection time-out, twice.
    /// </summary>
    private static readonly TimeSpan DriverGrace = TimeSpan.FromSeconds(1);

    /// <summary>How often work is tried whose failure says that the connection is spoiled, and nothing else.</summary>
    private const int Tries = 3;

    /// <summary>The connection of the last load, as its server numbers it.</summary>
    private int _answeredBy;

    private readonly SinkErrors _errors = new(type, check.IsWritten);

    public string Description => description;

    public string? CheckId(string id) => key.Check(id);

    public string? CheckState(TState state) => checkState(state);

    public string? CheckEveryState(TState state) => checkEveryState?.Invoke(state);

    public Task VerifyAsync(CancellationToken cancellationToken)
        => RunAsync(
            "Verifying the table of",
            LoadPatience,
            async (rented, token) =>
            {
                await poolers.CheckAsync(rented.Connection, type, token).ConfigureAwait(false);
                await check.RunAsync(rented.Connection, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    public async Task<DatabaseIdentity?> IdentifyAsync(CancellationToken cancellationToken)
        => await RunAsync(
            "Asking which database holds",
            LoadPatience,
            (rented, token) => check.IdentifyAsync(rented.Connection, token),
            cancellationToken).ConfigureAwait(false);

    public Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
        => RunAsync(
            "Reading the database's clock for",
            ClockPatience,
            async (rented, token) =>
            {
                var command = new NpgsqlCommand(ClockSql, rented.Connection);
                await using (command.ConfigureAwait(false))
                {
                    var reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
                    await using (reader.ConfigureAwait(false))
                    {
                        await reader.ReadAsync(token).ConfigureAwait(false);
                        return new SinkClock(DateTimeOffset.UnixEpoch.AddMicroseconds(reader.GetInt64(0)), time.GetTimestamp());
                    }
                }
            },
            cancellationToken);

    public async Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var terms = new FlushTerms(deadline, timeout);
        try
        {
            return await RunAsync(
                Saving, terms.Patience, (rented, token) => saver.SaveAsync(rented, items, terms, token), cancellationToken)
                .ConfigureAwait(false);
        }
        catch (SinkException e) when (e.Failure == SinkFailure.Timeout)
        {
            await ThrowOutStuckAsync(cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>It may have waited for the lock of one that will never come to its end. The next try is then better off.</summary>
    private async Task ThrowOutStuckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RunAsync(
                "Looking for stuck flushes of",
                ClockPatience,
                async (rented, token) =>
                {
                    await stuck.ThrowOutAsync(rented.Connection, token).ConfigureAwait(false);
                    return true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (SinkException)
        {
            // The role may not, or the database does not answer: the save that timed out is reported all the same.
        }
    }

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadAsync(ids, elsewhere: false, cancellationToken);

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadVersionsAsync(ids, elsewhere: false, cancellationToken);

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadAsync(ids, elsewhere: true, cancellationToken);

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAgainAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => LoadVersionsAsync(ids, elsewhere: true, cancellationToken);

    private Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(
        IReadOnlyList<string> ids, bool elsewhere, CancellationToken cancellationToken)
        => RunAsync(
            "Loading",
            LoadPatience,
            (rented, token) => loader.LoadAsync(AnsweredBy(rented), [.. ids.Where(id => key.Check(id) is null)], token),
            cancellationToken,
            elsewhere);

    private Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(
        IReadOnlyList<string> ids, bool elsewhere, CancellationToken cancellationToken)
        => RunAsync(
            "Loading versions of",
            LoadPatience,
            (rented, token) => versions.LoadAsync(AnsweredBy(rented), ids, token),
            cancellationToken,
            elsewhere);

    private RentedContext AnsweredBy(RentedContext rented)
    {
        Volatile.Write(ref _answeredBy, rented.Connection.ProcessID);
        return rented;
    }

    /// <param name="doing">What is done, for messages.</param>
    /// <param name="patience">How long to wait at most. Connecting and preparing have no time-out on the server.</param>
    /// <param name="work">Does it, with an open connection.</param>
    /// <param name="cancellationToken">The caller's; its cancellation is no failure.</param>
    /// <param name="elsewhere">Whether over another connection than the one that answered last.</param>
    private async Task<T> RunAsync<T>(
        string doing,
        TimeSpan patience,
        Func<RentedContext, CancellationToken, Task<T>> work,
        CancellationToken cancellationToken,
        bool elsewhere = false)
    {
        var running = WorkAsync(doing, patience, work, elsewhere, cancellationToken);
        try
        {
            return await running.MayBeAbandoned().WaitAsync(patience + DriverGrace, CancellationToken.None).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            // It is left to itself and gives its connection back when the driver lets go of it.
            throw _errors.OnStatement(e, doing, isSave: doing == Saving);
        }
    }

    private async Task<T> WorkAsync<T>(
        string doing,
        TimeSpan patience,
        Func<RentedContext, CancellationToken, Task<T>> work,
        bool elsewhere,
        CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        var hasStaleTypes = false;
        for (var attempt = 1; ; attempt++)
        {
            var opened = false;
            try
            {
                var mayPrepare = attempt < Tries;
                var place = elsewhere
                    ? await OpenedContext.ElsewhereAsync(contexts, mayPrepare, _answeredBy, poolers, limit.Token).ConfigureAwait(false)
                    : await OpenedContext.OpenAsync(contexts, mayPrepare, limit.Token).ConfigureAwait(false);
                await using (place.ConfigureAwait(false))
                {
                    var rented = place.Rented;
                    opened = true;
                    if (hasStaleTypes)
                    {
                        await rented.Connection.ReloadTypesAsync(limit.Token).ConfigureAwait(false);
                    }

                    return await WorkAsync(rented, work, limit.Token).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (!Passes(e, cancellationToken))
            {
                if (!opened)
                {
                    throw _errors.OnOpen(e);
                }

                // A read can be asked again; what a broken connection has done to a save nobody knows.
                if (attempt < Tries
                    && (SinkErrors.IsStale(e) || SinkErrors.IsOfStandby(e) || (attempt == 1 && doing != Saving && SinkErrors.IsBroken(e))))
                {
                    hasStaleTypes = SinkErrors.HasStaleTypes(e);
                    continue;
                }

                throw _errors.OnStatement(e, doing, isSave: doing == Saving);
            }
        }
    }

    /// <summary>
    /// Does the work; where it fails, what the failure has made of the connection is mended before the pool gets it back.
    /// </summary>
    private static async Task<T> WorkAsync<T>(
        RentedContext rented, Func<RentedContext, CancellationToken, Task<T>> work, CancellationToken token)
    {
        try
        {
            return await work(rented, token).ConfigureAwait(false);
        }
        catch (Exception e) when (SinkErrors.IsStale(e) || SinkErrors.IsOfClient(e))
        {
            try
            {
                await rented.ForgetPreparedAsync().ConfigureAwait(false);
            }
            catch (Exception broken) when (broken is NpgsqlException or InvalidOperationException or OperationCanceledException)
            {
                // Then it is not fit for the pool, which finds out by itself.
            }

            throw;
        }
    }

    /// <summary>Whether an exception is for the caller as it is: an error of this library, or the caller's own cancellation.</summary>
    private static bool Passes(Exception error, CancellationToken cancellationToken)
        => error is WriteBehindException || (error is OperationCanceledException && cancellationToken.IsCancellationRequested);
}
