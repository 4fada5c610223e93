namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A cluster of one silo whose grains flush only when they are asked to, for tests of who knows what.</summary>
public sealed class UnflushedSilo() : ClusterFixture(new() { FlushDelay = GrainClusterOptions.Never });
