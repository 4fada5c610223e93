using System.Diagnostics;

namespace Proof.Load;

/// <summary>The figures of a load, while it runs and after.</summary>
public sealed class LoadStatistics
{
    private const int ReasonsKept = 5;

    private readonly Lock _lock = new();
    private readonly List<string> _reasons = [];
    private long _acknowledged;
    private long _refused;
    private long _unknown;
    private long _startedAt;
    private long _lastAnswerAt;

    public LatencyHistogram Latency { get; } = new();

    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    public long Refused => Interlocked.Read(ref _refused);

    public long Unknown => Interlocked.Read(ref _unknown);

    public long Done => Acknowledged + Refused + Unknown;

    /// <summary>From the first write to the last answer.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_startedAt, Interlocked.Read(ref _lastAnswerAt));

    /// <summary>For how long no answer has come.</summary>
    public TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref _lastAnswerAt));

    public double PerSecond => Elapsed > TimeSpan.Zero ? Acknowledged / Elapsed.TotalSeconds : 0;

    /// <summary>Why writes failed: the first few different reasons.</summary>
    public IReadOnlyList<string> Reasons
    {
        get
        {
            lock (_lock)
            {
                return [.. _reasons];
            }
        }
    }

    public void Start() => _lastAnswerAt = _startedAt = Stopwatch.GetTimestamp();

    public void Record(WriteAnswer answer, long sentAt)
    {
        Interlocked.Exchange(ref _lastAnswerAt, Stopwatch.GetTimestamp());
        switch (answer.Result)
        {
            case WriteResult.Acknowledged:
                Latency.Record(Stopwatch.GetElapsedTime(sentAt));
                Interlocked.Increment(ref _acknowledged);
                break;
            case WriteResult.Refused:
                Interlocked.Increment(ref _refused);
                break;
            default:
                Interlocked.Increment(ref _unknown);
                break;
        }

        if (answer.Error is { } reason)
        {
            KeepReason(reason);
        }
    }

    private void KeepReason(string reason)
    {
        lock (_lock)
        {
            if (_reasons.Count < ReasonsKept && !_reasons.Contains(reason))
            {
                _reasons.Add(reason);
            }
        }
    }
}
