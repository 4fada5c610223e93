using System.Globalization;
using WriteBehind.TestTools;

namespace Chaos.Faults;

/// <summary>What can happen only where there is more than one Redis or PostgreSQL.</summary>
internal static class TopologyFaults
{
    public static IEnumerable<Lane> Of(Place place) => place.Topology switch
    {
        Topology.Sentinel =>
        [
            new(
                "sentinel",
                [
                    Fault.Of("redis-switched", 0, 0.1, _ => SwitchAsync(place)),
                    Fault.Of("redis-master-lost", 0.1, 2, _ => LoseMasterAsync(place)),
                ],
                TimeSpan.FromSeconds(6),
                place.RedisTurn),
        ],
        Topology.Cluster =>
        [
            new(
                "cluster",
                [Fault.Of("redis-slot-moved", 0, 1.5, random => MoveSlotAsync(place.RedisServers, random))],
                TimeSpan.FromMilliseconds(800),
                place.RedisTurn),
        ],
        Topology.Standby =>
        [
            new(
                "standby",
                [Fault.Of("postgres-promoted", 0, 0.5, async _ =>
                {
                    await place.PromoteAsync();
                    return place.FollowAsync;
                })],
                TimeSpan.FromSeconds(6),
                place.PostgresTurn),
        ],
        _ => [],
    };

    /// <summary>Where this fault is; null for one that is everywhere.</summary>
    public static Topology? NeededBy(string fault) => fault switch
    {
        "redis-switched" or "redis-master-lost" => Topology.Sentinel,
        "redis-slot-moved" => Topology.Cluster,
        "postgres-promoted" => Topology.Standby,
        _ => null,
    };

    /// <summary>As an operator has it done: the replica takes over, and its master becomes its replica.</summary>
    private static async Task<Func<Task>> SwitchAsync(Place place)
    {
        var master = await MasterAsync(place.RedisServers);
        await place.Sentinel!.SendAsync("SENTINEL", "FAILOVER", RedisSentinel.ServiceName);
        return () => SwitchedAsync(place.RedisServers, master);
    }

    /// <summary>It stays away until the sentinel has given its place to the replica, and longer.</summary>
    private static async Task<Func<Task>> LoseMasterAsync(Place place)
    {
        var master = await MasterAsync(place.RedisServers);
        var other = place.RedisServers.Single(server => server != master);
        await master.KillAsync();
        try
        {
            await Eventually.TrueAsync(async () => await IsMasterAsync(other), because: "the sentinel gives the place away");
        }
        catch (TimeoutException)
        {
            // It did not know of the replica yet. The master comes back.
        }

        return async () =>
        {
            await master.RestartAsync();
            await SwitchedAsync(place.RedisServers, await IsMasterAsync(other) ? master : other);
        };
    }

    private static async Task<RedisServer> MasterAsync(IEnumerable<RedisServer> servers)
    {
        foreach (var server in servers)
        {
            if (await IsMasterAsync(server))
            {
                return server;
            }
        }

        throw new InvalidOperationException("There is no master.");
    }

    /// <summary>Waits until what was the master follows the other one.</summary>
    private static Task SwitchedAsync(IEnumerable<RedisServer> servers, RedisServer before)
        => Eventually.TrueAsync(
            async () => (await before.SendAsync("INFO", "replication"))!.Contains("master_link_status:up", StringComparison.Ordinal)
                && (await MasterAsync(servers)) != before,
            TimeSpan.FromSeconds(60),
            "what was the master follows the other one");

    private static async Task<bool> IsMasterAsync(RedisServer server)
        => (await server.SendAsync("INFO", "replication"))!.Contains("role:master", StringComparison.Ordinal);

    /// <summary>
    /// Keys go over one by one; some have gone and some have not for as long as it lasts.
    /// </summary>
    private static async Task<Func<Task>> MoveSlotAsync(IReadOnlyList<RedisServer> nodes, Random random)
    {
        var source = random.Next(nodes.Count);
        var (from, to) = (nodes[source], nodes[(source + 1 + random.Next(nodes.Count - 1)) % nodes.Count]);
        var key = await from.SendAsync("RANDOMKEY") ?? throw new InvalidOperationException("The node is empty.");
        var slot = (await from.SendAsync("CLUSTER", "KEYSLOT", key))!;
        var (fromId, toId) = (await from.SendAsync("CLUSTER", "MYID"), await to.SendAsync("CLUSTER", "MYID"));
        await to.SendAsync("CLUSTER", "SETSLOT", slot, "IMPORTING", fromId!);
        await from.SendAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", toId!);
        try
        {
            await MoveKeysAsync(from, to, slot, random.Next(1, 30));
        }
        catch (InvalidOperationException)
        {
            // None of them was there any more.
        }

        return async () =>
        {
            while (await MoveKeysAsync(from, to, slot, 100) > 0)
            {
            }

            // The new owner first: as long as neither says that the slot is its own there is no loss, and the other one forwards.
            foreach (var node in nodes.OrderBy(node => node != to).ThenBy(node => node != from))
            {
                await node.SendAsync("CLUSTER", "SETSLOT", slot, "NODE", toId!);
            }
        };
    }

    private static async Task<int> MoveKeysAsync(RedisServer from, RedisServer to, string slot, int count)
    {
        var keys = await from.ListAsync("CLUSTER", "GETKEYSINSLOT", slot, count.ToString(CultureInfo.InvariantCulture));
        if (keys.Count > 0)
        {
            await from.SendAsync(
                ["MIGRATE", "127.0.0.1", to.Port.ToString(CultureInfo.InvariantCulture), "", "0", "5000", "KEYS", .. keys]);
        }

        return keys.Count;
    }
}
