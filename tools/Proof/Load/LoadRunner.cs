using System.Diagnostics;
using Proof.Workload;

namespace Proof.Load;

/// <summary>Many callers that take the movements of a workload one after the other, each waiting for its answer before its next.</summary>
public sealed class LoadRunner(IWorkload workload, IMovementTarget target, int concurrency)
{
    private long _next = -1;
    private long _answered;

    public LoadStatistics Statistics { get; } = new();

    /// <summary>What each product of <see cref="IWorkload.Ids"/> was told.</summary>
    public IReadOnlyList<ProductLedger> Ledgers { get; } = [.. workload.Ids.Select(_ => new ProductLedger())];

    /// <summary>Runs until every movement has its answer, or until cancelled: then no caller begins another one.</summary>
    /// <param name="halfWay">Called once, when half of the movements have been answered.</param>
    /// <param name="cancellationToken">Ends the load early.</param>
    public async Task RunAsync(Action halfWay, CancellationToken cancellationToken)
    {
        Statistics.Start();
        var callers = Enumerable.Range(0, (int)Math.Min(concurrency, Math.Max(1, workload.Count)))
            .Select(caller => Task.Run(() => CallAsync(caller, halfWay, cancellationToken), CancellationToken.None));
        await Task.WhenAll(callers);
    }

    private async Task CallAsync(int caller, Action halfWay, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested && Interlocked.Increment(ref _next) is var index && index < workload.Count)
        {
            await WriteAsync(caller, workload[index], cancellationToken);

            // Answered, not begun: so there are writes under way on either side of this moment, however short the load is.
            if (Interlocked.Increment(ref _answered) == (workload.Count + 1) / 2)
            {
                halfWay();
            }
        }
    }

    private async Task WriteAsync(int caller, StockChange change, CancellationToken cancellationToken)
    {
        var answer = new WriteAnswer(WriteResult.NotSent);
        while (answer.Result == WriteResult.NotSent)
        {
            IMovementConnection connection;
            try
            {
                connection = await target.GetAsync(caller, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var sentAt = Stopwatch.GetTimestamp();
            answer = await connection.WriteAsync(workload.Ids[change.Product], change.Amount);
            if (answer.Result != WriteResult.NotSent)
            {
                Statistics.Record(answer, sentAt);
            }
        }

        if (answer.Result == WriteResult.Acknowledged)
        {
            Ledgers[change.Product].Acknowledge(change.Amount);
        }
        else if (answer.Result == WriteResult.Unknown)
        {
            Ledgers[change.Product].AddUnknown(change.Amount);
        }
    }
}
