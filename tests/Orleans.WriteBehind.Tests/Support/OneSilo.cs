namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A cluster of one silo for the tests of a class that need nothing special.</summary>
public sealed class OneSilo() : ClusterFixture(new() { Entities = static entity => entity.MaxPayloadBytes = MaxPayloadBytes })
{
    /// <summary>The longest state.</summary>
    public const int MaxPayloadBytes = 4096;
}
