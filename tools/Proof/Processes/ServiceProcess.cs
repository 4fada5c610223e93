using System.Diagnostics;
using System.Net;

namespace Proof.Processes;

/// <summary>
/// The service as a child process, over all its lives: started, killed, started again at the same port, stopped. One that ends
/// without being asked to fails everybody who waits for it.
/// </summary>
public sealed class ServiceProcess(ServiceSettings settings, HttpClient http) : IAsyncDisposable
{
    private const string ListeningPrefix = "Now listening on: ";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly ServiceLog _log = new(settings.LogFile);
    private TaskCompletionSource<Uri> _up = NewSource();
    private Process? _process;
    private int _port;

    public string LogFile => _log.Path;

    /// <summary>Starts the process and waits until it takes work.</summary>
    /// <exception cref="RunFailedException">It ended, or was not ready in time.</exception>
    public async Task<Uri> StartAsync(CancellationToken cancellationToken)
    {
        var listening = NewSource();
        var process = await ServiceLauncher.LaunchAsync(settings, _port);
        lock (_lock)
        {
            _process = process;
        }

        _log.Attach(process, line =>
        {
            if (line.IndexOf(ListeningPrefix, StringComparison.Ordinal) is >= 0 and var at)
            {
                listening.TrySetResult(new Uri(line[(at + ListeningPrefix.Length)..].Trim()));
            }
        });
        _ = WatchAsync(process);

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(StartTimeout);
        try
        {
            await Task.WhenAny(listening.Task, _up.Task).WaitAsync(timeout.Token);
            var address = listening.Task.IsCompletedSuccessfully ? await listening.Task : await _up.Task;
            await WaitReadyAsync(address, timeout.Token);
            _port = address.Port;
            _up.TrySetResult(address);
            return address;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            var late = new RunFailedException(
                $"The {settings.Name} was not ready within {StartTimeout.TotalSeconds:0} s.{Environment.NewLine}{_log.LastLines()}");
            _up.TrySetException(late);
            throw late;
        }
    }

    /// <summary>Waits while it is down, as long as it is going to be up again.</summary>
    /// <exception cref="RunFailedException">It ended by itself.</exception>
    public Task<Uri> WaitUpAsync(CancellationToken cancellationToken) => Volatile.Read(ref _up).Task.WaitAsync(cancellationToken);

    /// <summary>How it is doing; null while it is down or does not answer.</summary>
    /// <exception cref="RunFailedException">It ended by itself.</exception>
    public async Task<ServiceStatus?> TryGetStatusAsync(StatusClient statuses, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(statuses);
        try
        {
            var up = WaitUpAsync(cancellationToken);
            return up.IsCompleted ? await statuses.GetAsync(await up, cancellationToken) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Kills the process with SIGKILL, at once. <see cref="StartAsync"/> brings it back.</summary>
    public void Kill()
    {
        if (Release() is { } process)
        {
            process.Kill();
        }
    }

    /// <summary>Asks the process to stop (SIGTERM) and waits while it drains.</summary>
    /// <exception cref="RunFailedException">It did not end in time and was killed.</exception>
    public async Task StopAsync()
    {
        if (Release() is not { } process)
        {
            return;
        }

        Signal.Terminate(process);
        using var timeout = new CancellationTokenSource(settings.StopTimeout);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new RunFailedException(
                $"The {settings.Name} did not stop within {settings.StopTimeout.TotalSeconds:0} s and was killed. Its log: {LogFile}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Release() is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        _log.Dispose();
    }

    private static TaskCompletionSource<Uri> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    // From here on the end of the process is no surprise, and who needs the service waits for its next life.
    private Process? Release()
    {
        lock (_lock)
        {
            var process = _process;
            _process = null;
            if (_up.Task.IsCompleted)
            {
                _up = NewSource();
            }

            return process;
        }
    }

    private async Task WatchAsync(Process process)
    {
        await process.WaitForExitAsync();
        lock (_lock)
        {
            if (_process != process)
            {
                return;
            }

            _process = null;
            if (_up.Task.IsCompleted)
            {
                _up = NewSource();
            }

            _up.TrySetException(new RunFailedException(
                $"The {settings.Name} ended by itself with exit code {process.ExitCode}. Its log: {LogFile}{Environment.NewLine}"
                    + _log.LastLines()));
        }
    }

    private async Task WaitReadyAsync(Uri address, CancellationToken cancellationToken)
    {
        while (!await IsReadyAsync(address, cancellationToken))
        {
            if (_up.Task.IsFaulted)
            {
                await _up.Task;
            }

            await Task.Delay(PollInterval, cancellationToken);
        }
    }

    private async Task<bool> IsReadyAsync(Uri address, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await http.GetAsync(new Uri(address, "/health/ready"), cancellationToken);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
