using WriteBehind.Status;

namespace WriteBehind.Health;

/// <summary>One look at the engine, shared by all checks that ask within a short time.</summary>
internal sealed class StatusProbe(IWriteBehindEngine engine, TimeProvider clock, TimeSpan shareFor)
{
    private readonly Lock _lock = new();
    private Task<EngineStatus>? _look;
    private long _startedAt;

    public Task<EngineStatus> LookAsync(CancellationToken cancellationToken)
    {
        Task<EngineStatus> look;
        lock (_lock)
        {
            // A look under way is always shared: probes that come faster than Redis answers must not pile up on it.
            if (_look is null || _look.IsCompleted && (!_look.IsCompletedSuccessfully || clock.GetElapsedTime(_startedAt) >= shareFor))
            {
                _startedAt = clock.GetTimestamp();

                // The look belongs to all who share it, so no single caller's token may end it.
                _look = engine.GetStatusAsync(CancellationToken.None);
            }

            look = _look;
        }

        return look.MayBeLeft().WaitAsync(cancellationToken);
    }
}
