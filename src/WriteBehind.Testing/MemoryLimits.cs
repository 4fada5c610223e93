using Microsoft.Extensions.Logging;
using WriteBehind.RateLimits;

namespace WriteBehind.Testing;

/// <summary>What rate limits stand on in memory.</summary>
internal sealed class MemoryLimitServers(MemoryEngine engine) : ILimitServers
{
    public TimeProvider Time => engine.Servers.Time;

    public bool IsRemote => false;

    public ILimitStore Connect(LimitOptions options, ILogger logger) => new MemoryLimitStore(engine.Servers, options);
}

/// <summary>The way of one process to the windows of a rate limit.</summary>
internal sealed class MemoryLimitStore(InMemoryWriteBehind servers, LimitOptions options) : ILimitStore
{
    public Task<LimitAnswer> DecideAsync(int shard, LimitRequest request) => servers.AskRedisAsync(
        options.Name,
        () =>
        {
            var now = (servers.Now - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
            return new LimitAnswer(servers.Windows.Decide(request, options.CountRejected, now));
        },
        CancellationToken.None);
}

/// <summary>
/// The windows of callers: of each the permits that were taken, by their time in µs. It decides as <see cref="LimitScript"/> does, in one
/// step: whoever calls it holds <see cref="InMemoryWriteBehind.Gate"/>.
/// </summary>
internal sealed class MemoryWindows
{
    private readonly Dictionary<string, List<long>> _taken = new(StringComparer.Ordinal);

    public LimitDecision Decide(in LimitRequest request, bool countRejected, long now)
    {
        var (limit, window) = (request.Limit.Permits, (long)request.Limit.Window.TotalMicroseconds);
        if (!_taken.TryGetValue(request.Key!, out var taken))
        {
            _taken[request.Key!] = taken = [];
        }

        taken.RemoveAll(at => at <= now - window);
        var isAdmitted = taken.Count + Math.Max(request.Permits, 1) <= limit;
        if (isAdmitted || countRejected)
        {
            taken.AddRange(Enumerable.Repeat(now, request.Permits));

            // No decision can depend on more than the newest.
            taken.RemoveRange(0, Math.Max(taken.Count - limit, 0));
        }

        var wait = isAdmitted ? 0 : taken[taken.Count + Math.Max(request.Permits, 1) - limit - 1] + window - now;
        return new LimitDecision(isAdmitted, Math.Max(limit - taken.Count, 0), TimeSpan.FromMicroseconds(wait), now);
    }

    public void Clear() => _taken.Clear();
}
