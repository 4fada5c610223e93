namespace Proof.Reporting;

/// <summary>The figures of a run: what <c>--json</c> writes.</summary>
public sealed record Figures
{
    /// <summary>What was driven: <c>engine</c> (alone, with no cluster) or <c>orleans</c>.</summary>
    public required string Mode { get; init; }

    public required long AckedWrites { get; init; }

    public required double AckedPerSecond { get; init; }

    public required double P50Ms { get; init; }

    public required double P99Ms { get; init; }

    /// <summary>Rows inserted, updated and deleted, as PostgreSQL counted them; on a cluster that stays up, as its silos did.</summary>
    public required long RowsWritten { get; init; }

    /// <summary>Products that were written.</summary>
    public required int Entities { get; init; }

    /// <summary>From the last answer to the last flush.</summary>
    public required double SecondsUntilClean { get; init; }

    public required int Mismatches { get; init; }

    public required long DeadLetters { get; init; }

    public required long BadRows { get; init; }
}
