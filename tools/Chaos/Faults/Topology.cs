namespace Chaos.Faults;

/// <summary>Which servers there are.</summary>
internal enum Topology
{
    /// <summary>One Redis and one PostgreSQL.</summary>
    Plain,

    /// <summary>A Redis and its replica, and a sentinel that says which of them is the master.</summary>
    Sentinel,

    /// <summary>A Redis Cluster of three masters.</summary>
    Cluster,

    /// <summary>A PostgreSQL and a synchronous standby, which takes its place.</summary>
    Standby,
}
