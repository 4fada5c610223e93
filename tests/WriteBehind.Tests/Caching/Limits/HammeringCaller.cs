using System.Globalization;
using WriteBehind.RateLimits;
using WriteBehind.Tests.Children;

namespace WriteBehind.Tests.Caching.Limits;

/// <summary>
/// Asks for one caller key as fast as it can, with the local clock of this process, and says at what Redis time it was admitted.
/// </summary>
internal sealed class HammeringCaller : IChildProgram
{
    public const int Permits = 50;
    public const string Key = "shared";

    public static readonly TimeSpan Window = TimeSpan.FromMilliseconds(400);

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var countRejected = arguments[2] == "strict";
        await using var service = LimitService.Start(arguments[0], arguments[1], options =>
        {
            (options.Permits, options.Window) = (Permits, Window);
            options.CountRejected = countRejected;
            options.WhenAway = WhenRedisIsAway.Reject;
        });
        Console.WriteLine("up");
        await Console.In.ReadLineAsync();
        var started = DateTime.UtcNow;
        var (soonest, latest) = (started + TimeSpan.FromSeconds(8), started + TimeSpan.FromMinutes(2));
        var admitted = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            // A limiter of its own each time: nothing that one of them remembers may be what keeps the limit.
            // A busy machine takes longer until there were some windows.
            while (DateTime.UtcNow is var now && (now < soonest || (now < latest && Volatile.Read(ref admitted) < 2 * Permits)))
            {
                var lease = await service.Limits.For(LimitService.Limit, Key).AcquireAsync(1 + (n % 3));
                if (lease.IsAcquired)
                {
                    Interlocked.Add(ref admitted, 1 + (n % 3));
                    var at = SlidingWindowTests.Metadata(lease, LimitMetadata.DecidedAt);
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"admitted {at} {1 + (n % 3)}"));
                }
            }
        }));
        Console.WriteLine("done");
    }
}
