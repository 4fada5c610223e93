namespace WriteBehind.AspNetCore.Access;

/// <summary>What the guard says of a caller.</summary>
internal enum Verdict
{
    /// <summary>It may go on.</summary>
    Admitted,

    /// <summary>It is not authenticated.</summary>
    Unauthenticated,

    /// <summary>It is authenticated, but the policy refuses it.</summary>
    Forbidden,

    /// <summary>It is local, but came under a name that is not a loopback name.</summary>
    ForeignName,
}
