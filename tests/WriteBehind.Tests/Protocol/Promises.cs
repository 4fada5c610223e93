namespace WriteBehind.Tests.Protocol;

/// <summary>What must hold in every state and over every step (design section 2).</summary>
internal static class Promises
{
    public const string NeverBack = "a stored version never falls";
    public const string OnlyOnce = "no write is applied twice";
    public const string StaleIsTold = "a writer never overwrites what it has not seen";
    public const string ReadsAreCurrent = "Redis never holds anything but the last acknowledged write";
    public const string CleanIsSaved = "the row of a clean entity is its last acknowledged write";

    /// <summary>Which promise a step broke; null where none.</summary>
    public static string? BrokenBy(in World before, in World after)
    {
        if (after.Row.Exists && after.Row.Version < before.Row.Version)
        {
            return NeverBack;
        }

        if (after.AppliedTwice)
        {
            return OnlyOnce;
        }

        if (after.OverwroteUnseen)
        {
            return StaleIsTold;
        }

        if (after.Expected == World.Anything)
        {
            return null;
        }

        if (after.Buffer.Exists && after.Buffer.Value != after.Expected)
        {
            return ReadsAreCurrent;
        }

        return !after.Dirty && after.Row.Value != after.Expected ? CleanIsSaved : null;
    }
}
