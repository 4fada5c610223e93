using WriteBehind.TestTools.Processes;

namespace WriteBehind.TestTools;

/// <summary>
/// A server on a free loopback port with data of its own, which can be frozen, killed, stopped and started again. Gone with
/// <see cref="DisposeAsync"/>, and also when this process dies.
/// </summary>
public abstract class PrivateServer : IAsyncDisposable
{
    private const int StartTries = 5;
    private readonly string _program;
    private readonly int _stopSignal;
    private readonly TimeSpan _startDeadline;
    private ServerProcess? _process;

    /// <param name="program">What it is called in errors.</param>
    /// <param name="directory">Where its data is.</param>
    /// <param name="stopSignal">The signal for an orderly stop.</param>
    /// <param name="startDeadline">How long a start may take.</param>
    private protected PrivateServer(string program, string directory, int stopSignal, TimeSpan startDeadline)
        => (_program, Folder, _stopSignal, _startDeadline) = (program, directory, stopSignal, startDeadline);

    /// <summary>Its port; stays the same over restarts.</summary>
    public int Port { get; private set; }

    private protected string Folder { get; }

    /// <summary>Stops it in its tracks (SIGSTOP): connections stay, nothing answers.</summary>
    public Task FreezeAsync() => Running().FreezeAsync();

    /// <summary>Lets a frozen one go on (SIGCONT).</summary>
    public Task ThawAsync()
    {
        Running().Thaw();
        return Task.CompletedTask;
    }

    /// <summary>Kills it (SIGKILL) with all its connections, frozen or not. The data stays for <see cref="RestartAsync"/>.</summary>
    public async Task KillAsync()
    {
        if (_process is { } process)
        {
            await process.KillAsync();
            OnKilled();
            Forget();
        }
    }

    /// <summary>Shuts it down as an operator would: connections are cut, what it is set to keep is kept.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            await process.EndAsync(_stopSignal);
            Forget();
        }
    }

    /// <summary>Starts it again with the same port and data; shuts it down first if it still runs.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await LaunchAsync();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        DataDirectory.Remove(Folder);
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts the process on <see cref="Port"/>.</summary>
    private protected abstract Task<ServerProcess> StartProcessAsync();

    /// <summary>Whether it answers; may throw where it does not.</summary>
    private protected abstract Task<bool> AnswersAsync();

    /// <summary>Tidies up after a kill.</summary>
    private protected virtual void OnKilled()
    {
    }

    /// <summary>Starts it for the first time, on a free port; where that fails nothing is left of it.</summary>
    private protected async Task StartOnFreePortAsync()
    {
        for (var tries = 1; ; tries++)
        {
            Port = FreePort.Next();
            try
            {
                await LaunchAsync();
                return;
            }
            catch (InvalidOperationException error) when (tries < StartTries && error.Message.Contains("in use", StringComparison.Ordinal))
            {
                // Somebody else took the port between our look and its start.
            }
            catch
            {
                await DisposeAsync();
                throw;
            }
        }
    }

    private protected async Task LaunchAsync()
    {
        var process = await StartProcessAsync();
        _process = process;
        await Eventually.TrueAsync(
            async () => process.HasExited || await AnswersAsync(), _startDeadline, $"{_program} starts on port {Port}");
        if (process.HasExited)
        {
            Forget();
            throw new InvalidOperationException($"{_program} did not start on port {Port}. Its log ends:\n{process.LogTail()}");
        }
    }

    private ServerProcess Running() => _process ?? throw new InvalidOperationException($"{_program} does not run.");

    private void Forget()
    {
        _process?.Dispose();
        _process = null;
    }
}
