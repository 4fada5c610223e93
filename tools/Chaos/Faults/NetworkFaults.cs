using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>What happens to the network between a worker, or all of them, and a server.</summary>
internal static class NetworkFaults
{
    public static Lane Of(Place place, int number) => new(
        $"network-{number}",
        [
            Fault.Of("link-slow", 0.2, 1, random => Each(place, random, static (link, random) =>
                link.RequestDelay = link.ResponseDelay = TimeSpan.FromMilliseconds(random.Next(20, 300)))),
            Fault.Of("link-slower-than-a-lease", 2.5, 5, random => Each(
                [place.PostgresLinks[random.Next(place.PostgresLinks.Count)]],
                random,
                static (link, random) => link.RequestDelay = TimeSpan.FromMilliseconds(random.Next(2_200, 4_500)))),
            Fault.Of("link-cut", 0, 0.1, random => CutAsync(Some(place, random))),
            Fault.Of("link-refused", 0.1, 0.8, random => RefuseAsync(Some(place, random))),
            Fault.Of("link-silent", 0.1, 1.5, random => Each(place, random, static (link, _) => link.BlackHole())),
            Fault.Of("link-answers-lost", 0.1, 1.5, random => Each(place, random, static (link, _) => link.DropResponses())),
            Fault.Of("link-requests-lost", 0.1, 1.5, random => Each(place, random, static (link, _) => link.DropRequests())),
            Fault.Of("link-lost-in-a-request", 0.1, 1.5, random => Each(place, random, static (link, random) =>
                link.BlackHoleAfter(random.Next(10_000)))),
        ],
        TimeSpan.FromMilliseconds(300));

    /// <summary>One link, or all to one of the servers.</summary>
    private static IReadOnlyList<TcpProxy> Some(Place place, Random random)
    {
        var links = random.Next(2) == 0 && place.RedisLinks.Count > 0 ? place.RedisLinks : place.PostgresLinks;
        return random.Next(3) == 0 ? links : [links[random.Next(links.Count)]];
    }

    private static Task<Func<Task>> Each(Place place, Random random, Action<TcpProxy, Random> harm)
        => Each(Some(place, random), random, harm);

    private static Task<Func<Task>> Each(IReadOnlyList<TcpProxy> links, Random random, Action<TcpProxy, Random> harm)
    {
        foreach (var link in links)
        {
            harm(link, random);
        }

        return Task.FromResult(() => HealAsync(links));
    }

    private static async Task<Func<Task>> CutAsync(IReadOnlyList<TcpProxy> links)
    {
        foreach (var link in links)
        {
            await link.CutAsync();
        }

        return static () => Task.CompletedTask;
    }

    private static async Task<Func<Task>> RefuseAsync(IReadOnlyList<TcpProxy> links)
    {
        foreach (var link in links)
        {
            link.RefuseConnections = true;
            await link.CutAsync();
        }

        return () => HealAsync(links);
    }

    private static async Task HealAsync(IReadOnlyList<TcpProxy> links)
    {
        foreach (var link in links)
        {
            await link.HealAsync();
        }
    }
}
