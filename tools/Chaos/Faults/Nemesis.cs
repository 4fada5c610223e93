using System.Collections.Concurrent;
using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>
/// Lets faults happen, drawn from a seed: in each lane the same faults on the same targets, for as long and with the same pauses. What
/// happens in between is up to the machine.
/// </summary>
internal sealed class Nemesis(IReadOnlyList<Lane> lanes, int seed, Action<string> tell)
{
    private static readonly TimeSpan LongestHealing = TimeSpan.FromMinutes(4);

    private readonly ConcurrentDictionary<string, int> _counts = new();

    /// <summary>How often each fault happened.</summary>
    public IReadOnlyDictionary<string, int> Counts => _counts;

    /// <summary>Goes on until it is stopped, and leaves everything whole.</summary>
    public Task RunAsync(CancellationToken stop)
        => Task.WhenAll(lanes.Select(
            (lane, i) => Task.Run(() => RunAsync(lane, new Random((seed * 7919) + i), stop), CancellationToken.None)));

    private async Task RunAsync(Lane lane, Random random, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await WaitAsync(2 * lane.Pause * random.NextDouble(), stop);
            var fault = lane.Faults[random.Next(lane.Faults.Count)];
            var time = fault.Shortest + ((fault.Longest - fault.Shortest) * random.NextDouble());
            var draw = new Random(random.Next());
            if (stop.IsCancellationRequested)
            {
                return;
            }

            await (lane.Turn?.WaitAsync(CancellationToken.None) ?? Task.CompletedTask);
            try
            {
                await HappenAsync(fault, time, draw, stop);
            }
            finally
            {
                lane.Turn?.Release();
            }
        }
    }

    private async Task HappenAsync(Fault fault, TimeSpan time, Random random, CancellationToken stop)
    {
        Func<Task> heal;
        try
        {
            tell(fault.Name);
            heal = await fault.StartAsync(random);
        }
        catch (Exception e) when (IsOfAnother(e))
        {
            tell($"{fault.Name} did not begin: {e.Message}");
            return;
        }

        _counts.AddOrUpdate(fault.Name, 1, static (_, count) => count + 1);
        await WaitAsync(time, stop);
        await Eventually.TrueAsync(
            async () =>
            {
                await heal();
                return true;
            },
            LongestHealing,
            $"{fault.Name} is over");
        tell($"{fault.Name} is over");
    }

    /// <summary>Whether it did not begin for a fault of another lane.</summary>
    private static bool IsOfAnother(Exception e)
        => e is Npgsql.NpgsqlException or TimeoutException or InvalidOperationException or IOException
            or System.Net.Sockets.SocketException or System.ComponentModel.Win32Exception;

    private static async Task WaitAsync(TimeSpan time, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, stop);
        }
        catch (OperationCanceledException)
        {
            // What began is ended all the same.
        }
    }
}
