using System.Runtime.InteropServices;

namespace Proof;

/// <summary>
/// Ctrl-C and SIGTERM: the first asks the run to drain and end, the second ends the process at once (and the service with it).
/// </summary>
public sealed class Interruption : IDisposable
{
    private readonly string _message;
    private readonly CancellationTokenSource _stop;
    private readonly List<PosixSignalRegistration> _registrations;

    /// <param name="message">What to say when the first one comes.</param>
    /// <param name="cancellationToken">Asks for the same.</param>
    public Interruption(string message, CancellationToken cancellationToken)
    {
        _message = message;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _registrations =
        [
            .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }
                .Select(signal => PosixSignalRegistration.Create(signal, Handle)),
        ];
    }

    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _stop.Dispose();
    }

    private void Handle(PosixSignalContext signal)
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        signal.Cancel = true;
        Console.Error.WriteLine(_message);
        _stop.Cancel();
    }
}
