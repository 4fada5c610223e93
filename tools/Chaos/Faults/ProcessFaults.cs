namespace Chaos.Faults;

/// <summary>What happens to processes.</summary>
internal static class ProcessFaults
{
    /// <param name="victims">The processes.</param>
    /// <param name="death">How long one has to sleep for the others to take it for dead, in seconds; null where they never do.</param>
    public static Lane Of(IReadOnlyList<IVictim> victims, double? death) => new(
        "process",
        [
            Fault.Of("process-killed", 0, 0.3, random => KillAsync(Any(victims, random))),
            Fault.Of("process-terminated", 0, 0.2, random => TerminateAsync(Any(victims, random))),
            Fault.Of("process-frozen", 0.1, 0.6, random => FreezeAsync(Any(victims, random))),
            Fault.Of("process-frozen-past-its-lease", 2.2, 4, random => FreezeAsync(Any(victims, random))),
            .. death is { } time
                ? [Fault.Of("process-frozen-past-its-death", time, time + 2, random => FreezeAsync(Any(victims, random)))]
                : Array.Empty<Fault>(),
        ],
        TimeSpan.FromMilliseconds(500));

    private static IVictim Any(IReadOnlyList<IVictim> victims, Random random) => victims[random.Next(victims.Count)];

    private static async Task<Func<Task>> KillAsync(IVictim victim)
    {
        await victim.KillAsync();
        return victim.StartAsync;
    }

    private static async Task<Func<Task>> TerminateAsync(IVictim victim)
    {
        await victim.StopAsync();
        return victim.StartAsync;
    }

    private static Task<Func<Task>> FreezeAsync(IVictim victim)
    {
        victim.Freeze();
        return Task.FromResult(victim.ThawAsync);
    }
}
