namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A cluster that the tests of a class share.</summary>
public abstract class ClusterFixture(GrainClusterOptions options) : IAsyncLifetime
{
    private GrainCluster? _cluster;

    public GrainCluster Cluster => _cluster ?? throw new InvalidOperationException("Not started.");

    public async Task InitializeAsync() => _cluster = await GrainCluster.StartAsync(options);

    public async Task DisposeAsync() => await Cluster.DisposeAsync();

    /// <summary>
    /// Another cluster of the same service that knows nothing of this one: what it activates is a twin, as after a split or with a silo
    /// that was declared dead and still runs.
    /// </summary>
    public Task<GrainCluster> TwinAsync() => GrainCluster.StartAsync(Cluster.Options);
}
