using System.Diagnostics;
using Proof.Input;
using Proof.Load;
using Proof.Options;
using Proof.Reporting;
using Proof.Verification;
using Proof.Workload;

namespace Proof;

/// <summary>
/// The main job: start the service, note what the table holds, drive the load (killing a process half-way where asked to), wait until
/// everything is flushed, stop the service as an operator would, and compare the table with what was acknowledged.
/// </summary>
public sealed class ProofRun(ProofOptions options, IWorkload workload, IProofSubject subject, StockTable table, ProgressView view)
{
    private const int MismatchesShown = 10;

    private static readonly TimeSpan StatusInterval = TimeSpan.FromMilliseconds(500);

    // Longer than the service's lease, so that what a killed process was flushing is waited for.
    private static readonly TimeSpan FlushPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AnswerPatience = TimeSpan.FromSeconds(60);

    public async Task<Summary> RunAsync(CancellationToken stop)
    {
        view.Say($"The service is up at {await subject.StartAsync(stop)}.");
        var statusBefore = await SettleEarlierRunsAsync(stop);
        var before = await table.ReadAsync(stop);
        var rowsBefore = await table.CountRowsWrittenAsync(stop);

        var load = new LoadRunner(workload, subject.Target, (int)options.Concurrency);
        await DriveAsync(load, stop);

        var lastAnswer = Stopwatch.GetTimestamp();
        var status = await Backlog.WaitCleanAsync(subject, FlushPatience, stop);
        var untilClean = Stopwatch.GetElapsedTime(lastAnswer);
        var seenByService = await subject.CheckAsync(workload.Ids, stop);

        // From here on the run is at its end anyway: an interruption must not cut the verification short.
        await subject.StopAsync();
        var rows = options.IsOwned ? await CountRowsAsync() - rowsBefore : status.RowsApplied - statusBefore.RowsApplied;
        var after = await table.ReadAsync(CancellationToken.None);
        var mismatches = Verifier.Compare(before, after, workload.Ids, load.Ledgers);
        return Summarise(load, status, untilClean, rows, [.. mismatches, .. seenByService]);
    }

    private async Task<long> CountRowsAsync()
    {
        await table.WaitServiceGoneAsync(CancellationToken.None);
        return await table.CountRowsWrittenAsync(CancellationToken.None);
    }

    // What an earlier run left behind must be in the table before its rows are noted: it would look like a difference later.
    private async Task<ServiceStatus> SettleEarlierRunsAsync(CancellationToken stop)
    {
        var status = await Backlog.WaitCleanAsync(subject, FlushPatience, stop);
        if (status.DeadLetters > 0)
        {
            throw new UsageException(
                $"There are {status.DeadLetters} dead letters of an earlier run, whose states are not in the table. " +
                "Retry or discard them " +
                (options.IsOwned ? "(./run.sh --serve --writes 0 has a page for that), or use other servers." : "(`dead list`) first."));
        }

        return status;
    }

    private async Task DriveAsync(LoadRunner load, CancellationToken stop)
    {
        using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var progress = new LoadProgress($"{workload.Count:N0} movements, {options.Concurrency} callers", workload.Count, load.Statistics);
        var restart = Task.CompletedTask;
        var running = load.RunAsync(HalfWay, abandoned.Token);
        using var done = new CancellationTokenSource();
        var watching = WatchAsync(progress, abandoned, done.Token);
        await view.FollowAsync(progress, running);
        await done.CancelAsync();
        await watching;
        await running;
        await restart;
        stop.ThrowIfCancellationRequested();

        void HalfWay()
        {
            if (!options.Crash)
            {
                return;
            }

            restart = subject.CrashAsync(abandoned.Token);
            progress.Note = "killed half-way (SIGKILL) and started again";
            view.SayPlain("Killed a process with SIGKILL half-way; starting it again.");
        }
    }

    private async Task WatchAsync(LoadProgress progress, CancellationTokenSource abandoned, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            try
            {
                progress.Status = await subject.TryGetStatusAsync(done);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (RunFailedException)
            {
                await abandoned.CancelAsync();
                throw;
            }

            if (progress.Status is not null && progress.Statistics.Silence > AnswerPatience && progress.Share < 1)
            {
                await abandoned.CancelAsync();
                throw new RunFailedException(
                    $"No write was answered for {AnswerPatience.TotalSeconds:0} s. The service's log: {subject.LogFile}");
            }

            await Task.WhenAny(Task.Delay(StatusInterval, done));
        }
    }

    private Summary Summarise(
        LoadRunner load, ServiceStatus status, TimeSpan untilClean, long rowsWritten, IReadOnlyList<Mismatch> mismatches)
    {
        var file = workload as MovementFile;
        var statistics = load.Statistics;
        return new()
        {
            Figures = new()
            {
                Mode = subject.Mode,
                AckedWrites = statistics.Acknowledged,
                AckedPerSecond = Math.Round(statistics.PerSecond, 1),
                P50Ms = Math.Round(statistics.Latency.PercentileMilliseconds(0.5), 3),
                P99Ms = Math.Round(statistics.Latency.PercentileMilliseconds(0.99), 3),
                RowsWritten = rowsWritten,
                Entities = load.Ledgers.Count(ledger => ledger.Acknowledged > 0 || ledger.Unknown.Count > 0),
                SecondsUntilClean = Math.Round(untilClean.TotalSeconds, 3),
                Mismatches = mismatches.Count,
                DeadLetters = status.DeadLetters,
                BadRows = file?.BadRowCount ?? 0,
            },
            Unknown = statistics.Unknown,
            Refused = statistics.Refused,
            Crashed = options.Crash,
            FailureReasons = statistics.Reasons,
            FirstBadRows = file?.BadRows ?? [],
            FirstMismatches = [.. mismatches.Take(MismatchesShown)],
        };
    }
}
