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
    TimeProvider time) : IEntitySink<TState>
    where TState : class
{
    private const string Saving = "Saving";

    /// <summary>How long the database's clock is waited for. It is the breaker's probe: an outage should be known soon.</summary>
    private static readonly TimeSpan ClockPatience = TimeSpan.FromSeconds(5);

    /// <summary>How long a load is waited for: as long as ADO.NET's own default.</summary>
    private static readonly TimeSpan LoadPatience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the driver is given to notice that patience is over. Over a healthy network it takes milliseconds; but it asks
    /// the server to cancel first, and one that is frozen keeps it waiting for the connection time-out, twice.
    /// </summary>
    private static readonly TimeSpan DriverGrace = TimeSpan.FromSeconds(1);

    private readonly SinkErrors _errors = new(type);

    public string Description => description;

    public string? CheckId(string id) => key.Check(id);

    public Task VerifyAsync(CancellationToken cancellationToken)
        => RunAsync(
            "Verifying the table of",
            LoadPatience,
            async (rented, token) =>
            {
                await check.RunAsync(rented.Connection, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    public Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
        => RunAsync(
            "Reading the database's clock for",
            ClockPatience,
            async (rented, token) =>
            {
                var command = new NpgsqlCommand("SELECT clock_timestamp()", rented.Connection);
                await using (command.ConfigureAwait(false))
                {
                    var at = (DateTime)(await command.ExecuteScalarAsync(token).ConfigureAwait(false))!;
                    return new SinkClock(new DateTimeOffset(at.ToUniversalTime()), time.GetTimestamp());
                }
            },
            cancellationToken);

    public Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<TState>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var terms = new FlushTerms(deadline, timeout);
        return RunAsync(Saving, terms.Patience, (rented, token) => saver.SaveAsync(rented, items, terms, token), cancellationToken);
    }

    public Task<IReadOnlyList<StoredRow<TState>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => RunAsync(
            "Loading",
            LoadPatience,
            (rented, token) => loader.LoadAsync(rented, [.. ids.Where(id => key.Check(id) is null)], token),
            cancellationToken);

    public Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
        => RunAsync(
            "Loading versions of", LoadPatience, (rented, token) => versions.LoadAsync(rented, ids, token), cancellationToken);

    /// <param name="doing">What is done, for messages.</param>
    /// <param name="patience">How long to wait at most. Connecting and preparing have no time-out on the server.</param>
    /// <param name="work">Does it, with an open connection.</param>
    /// <param name="cancellationToken">The caller's; its cancellation is no failure.</param>
    private async Task<T> RunAsync<T>(
        string doing, TimeSpan patience, Func<RentedContext, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        var running = WorkAsync(doing, patience, work, cancellationToken);
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
        string doing, TimeSpan patience, Func<RentedContext, CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        var opened = false;
        try
        {
            var rented = contexts.Rent();
            await using (rented.ConfigureAwait(false))
            {
                await rented.OpenAsync(limit.Token).ConfigureAwait(false);
                opened = true;
                return await work(rented, limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (!Passes(e, cancellationToken))
        {
            throw opened ? _errors.OnStatement(e, doing, isSave: doing == Saving) : _errors.OnOpen(e);
        }
    }

    /// <summary>Whether an exception is for the caller as it is: an error of this library, or the caller's own cancellation.</summary>
    private static bool Passes(Exception error, CancellationToken cancellationToken)
        => error is WriteBehindException || (error is OperationCanceledException && cancellationToken.IsCancellationRequested);
}
