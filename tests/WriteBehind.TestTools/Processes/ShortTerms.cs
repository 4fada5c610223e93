namespace WriteBehind.TestTools.Processes;

/// <summary>Settings of silos whose faults a test waits for: everything that waits for time to pass, cut down.</summary>
public static class ShortTerms
{
    /// <summary>The settings, and more. A probe may still take a while: the machine is busy.</summary>
    public static Dictionary<string, string?> With(IReadOnlyDictionary<string, string?> more) => new(
        (KeyValuePair<string, string?>[])
        [
            new("Silo__Membership__ProbeTimeout", "00:00:01"),
            new("Silo__Membership__MaxProbeTimeout", "00:00:02"),
            new("Silo__Membership__NumMissedProbesLimit", "3"),
            new("Silo__Membership__TableRefreshTimeout", "00:00:05"),
            new("Silo__Directory__RangeLeaseDuration", "00:00:00"), // Two owners of one grain are what the fences are for.
            new("WriteBehind__WriteTimeout", "00:00:02"),
            new("WriteBehind__BackoffCap", "00:00:01"),
            new("WriteBehind__Types__stock__MaxAge", "00:00:02"),
            new("WriteBehind__Types__stock__StatementTimeout", "00:00:01"),
            new("WriteBehind__Types__views__MaxAge", "00:00:02"),
            new("WriteBehind__Types__views__StatementTimeout", "00:00:01"),
            .. more,
        ]);
}
