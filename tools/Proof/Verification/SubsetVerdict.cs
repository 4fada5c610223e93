namespace Proof.Verification;

/// <summary>What the subset check found.</summary>
public enum SubsetVerdict
{
    /// <summary>Some of the amounts make up the difference exactly.</summary>
    Explained,

    /// <summary>None do.</summary>
    Unexplained,

    /// <summary>There are too many different ways to tell.</summary>
    Undecided,
}
