namespace Proof;

/// <summary>What programs end with.</summary>
public static class ExitCode
{
    /// <summary>PostgreSQL holds what was acknowledged; or a command was done.</summary>
    public const int Verified = 0;

    /// <summary>It does not, or the run failed; or a command was refused or failed.</summary>
    public const int Failed = 1;

    /// <summary>It could not begin: an option, the input or a setting is wrong.</summary>
    public const int Usage = 2;

    /// <summary>There is nobody to talk to.</summary>
    public const int Unreachable = 3;

    /// <summary>It was interrupted (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}
