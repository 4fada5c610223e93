using Npgsql;
using Proof.Options;
using Proof.Reporting;
using Proof.Verification;
using Proof.Workload;
using Spectre.Console;

namespace Proof;

/// <summary>One run, from its options to its exit code.</summary>
public static class ProofSession
{
    /// <summary>Proves a subject.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="make">Makes the subject, once the options and the settings are known to have sense.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static async Task<int> RunAsync(ProofOptions options, Func<ProofSetup, IProofSubject> make, CancellationToken cancellationToken)
    {
        using var interruption = new Interruption(
            options.IsOwned ? "Stopping; the service drains. Once more ends it at once." : "Stopping.", cancellationToken);
        try
        {
            return await ProveAsync(options, make, interruption.Token);
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCode.Usage;
        }
        catch (OperationCanceledException) when (interruption.Token.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync(options.IsOwned ? "Interrupted; the service has drained and stopped." : "Interrupted.");
            return ExitCode.Interrupted;
        }
        catch (Exception e) when (e is RunFailedException or NpgsqlException or HttpRequestException)
        {
            await Console.Error.WriteLineAsync($"FAILED: {e.Message}");
            return ExitCode.Failed;
        }
    }

    /// <summary>A setting that must be in the environment.</summary>
    /// <exception cref="UsageException">It is not.</exception>
    public static string Setting(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
        ? value
        : throw new UsageException($"{name} is not set. ./run.sh starts a private server and sets it; or name a server of your own.");

    private static async Task<int> ProveAsync(ProofOptions options, Func<ProofSetup, IProofSubject> make, CancellationToken stop)
    {
        options.Validate();
        var view = new ProgressView(AnsiConsole.Console);
        var workload = Workloads.Make(options);
        using var output = JsonFile.Reserve(options.Json);
        await using var table = new StockTable(Setting("WRITEBEHIND_POSTGRES"));
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
        await using var subject = make(new(options, Setting("WRITEBEHIND_REDIS"), table.ServiceConnection, http));

        try
        {
            var summary = await new ProofRun(options, workload, subject, table, view).RunAsync(stop);
            foreach (var line in SummaryText.Lines(summary))
            {
                view.Say(line);
            }

            output?.Write(summary.Figures);

            if (options.Serve)
            {
                await ServeAsync(subject, view, stop);
            }

            return summary.IsVerified ? ExitCode.Verified : ExitCode.Failed;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await subject.StopAsync();
            throw;
        }
    }

    private static async Task ServeAsync(IProofSubject subject, ProgressView view, CancellationToken stop)
    {
        try
        {
            var where = await subject.StartAsync(stop);
            view.Say("");
            view.Say($"Serving at {where}. Ctrl-C ends it.");
            await Task.Delay(Timeout.Infinite, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await subject.StopAsync();
        }
    }
}
