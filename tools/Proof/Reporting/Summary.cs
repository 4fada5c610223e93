using Proof.Input;
using Proof.Verification;

namespace Proof.Reporting;

/// <summary>How a run ended.</summary>
public sealed record Summary
{
    public required Figures Figures { get; init; }

    public required long Unknown { get; init; }

    public required long Refused { get; init; }

    /// <summary>Whether the service was killed half-way.</summary>
    public required bool Crashed { get; init; }

    public required IReadOnlyList<string> FailureReasons { get; init; }

    public required IReadOnlyList<BadRow> FirstBadRows { get; init; }

    public required IReadOnlyList<Mismatch> FirstMismatches { get; init; }

    public bool IsVerified => Figures.Mismatches == 0;
}
