using System.Globalization;

namespace WriteBehind.TestTools;

/// <summary>A Redis Cluster of three masters on this machine, each with a third of the slots.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private const int Slots = 16_384;
    private const int Masters = 3;
    private static readonly TimeSpan FormationDeadline = TimeSpan.FromSeconds(60);

    private RedisCluster(IReadOnlyList<RedisServer> nodes) => Nodes = nodes;

    /// <summary>The masters.</summary>
    public IReadOnlyList<RedisServer> Nodes { get; }

    /// <summary>A StackExchange.Redis configuration string with all masters.</summary>
    public string Configuration
        => string.Join(',', Nodes.Select(static node => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{node.Port}")).SkipLast(1)
            .Append(Nodes[^1].Configuration));

    /// <summary>Starts the masters and waits until all of them say that the cluster is complete.</summary>
    /// <param name="options">How they are started, beside being nodes of a cluster.</param>
    public static async Task<RedisCluster> StartAsync(RedisServerOptions? options = null)
    {
        options = (options ?? new()) with { ClusterEnabled = true };
        var cluster = new RedisCluster(await Task.WhenAll(Enumerable.Range(0, Masters).Select(_ => RedisServer.StartAsync(options))));
        try
        {
            await cluster.FormAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes)
        {
            await node.DisposeAsync();
        }
    }

    private async Task FormAsync()
    {
        for (var i = 0; i < Masters; i++)
        {
            var first = Slots * i / Masters;
            var count = (Slots * (i + 1) / Masters) - first;
            var slots = Enumerable.Range(first, count).Select(static slot => slot.ToString(CultureInfo.InvariantCulture));

            // Epochs of their own from the start, so that the masters have no collision to resolve first.
            await Nodes[i].SendAsync("CLUSTER", "SET-CONFIG-EPOCH", (i + 1).ToString(CultureInfo.InvariantCulture));
            await Nodes[i].SendAsync(["CLUSTER", "ADDSLOTS", .. slots]);
            await Nodes[0].SendAsync("CLUSTER", "MEET", "127.0.0.1", Nodes[i].Port.ToString(CultureInfo.InvariantCulture));
        }

        foreach (var node in Nodes)
        {
            await Eventually.TrueAsync(() => IsCompleteAsync(node), FormationDeadline, $"node {node.Port} sees the whole cluster");
        }
    }

    private static async Task<bool> IsCompleteAsync(RedisServer node)
    {
        var info = await node.SendAsync("CLUSTER", "INFO") ?? "";
        return info.Contains("cluster_state:ok", StringComparison.Ordinal)
            && info.Contains($"cluster_size:{Masters}", StringComparison.Ordinal);
    }
}
