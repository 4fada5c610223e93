namespace WriteBehind.Tests.Protocol;

/// <summary>What must hold in every state and over every step.</summary>
internal static class Promises
{
    public const string NeverBack = "a stored version never falls";
    public const string OnlyOnce = "no write is applied twice";
    public const string StaleIsTold = "a writer never overwrites what it has not seen";
    public const string ReadsAreCurrent = "Redis never holds anything but the last acknowledged write";
    public const string CleanIsSaved = "the row of a clean entity is its last acknowledged write";

    public const string NothingForNothing = "a write is set aside only where others hold its version";
    public const string ReadsAreNotBehind = "Redis never hides a newer row";
    public const string SettledIsKept = "a row that is older than what was settled is never given";

    public const string PausedStandsStill = "once a pause is quiet no row changes until it is over";

    /// <summary>Which promise a step broke; null where none.</summary>
    public static string? BrokenBy(in World before, in World after)
    {
        if (after.Breach != Breach.None)
        {
            return after.Breach switch
            {
                Breach.SetAsideForNothing => NothingForNothing,
                Breach.ReadBehindRow => ReadsAreNotBehind,
                _ => SettledIsKept,
            };
        }

        var rowWentBack = ((before.Happened ^ after.Happened) & Mishaps.RowWentBack) != 0;
        if (after.Row.Exists && after.Row.Version < before.Row.Version && !rowWentBack)
        {
            return NeverBack;
        }

        if (before.Pause.IsQuiet && after.Pause.IsQuiet && before.Row != after.Row && !rowWentBack)
        {
            return PausedStandsStill;
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

        // What Redis has of a write that was saved hides what others did to the row since.
        var mayHide = after.Expected == World.Foreign || (!after.Dirty && (after.Happened & Mishaps.RowWentBack) != 0);
        if (after.Buffer.Exists && after.Buffer.Value != after.Expected && !mayHide)
        {
            return ReadsAreCurrent;
        }

        return !after.Dirty && after.Row.Value != after.Expected ? CleanIsSaved : null;
    }
}
