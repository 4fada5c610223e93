namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A cluster of two silos for the tests of a class that need nothing special.</summary>
public sealed class TwoSilos() : ClusterFixture(new() { Silos = 2 });
