namespace WriteBehind.Benchmarks.Measuring;

/// <summary>One of several ways to do the same work.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="Work">Does the work of one turn, which is measured.</param>
public sealed record Contender(string Name, Func<Task<LoadResult>> Work)
{
    /// <summary>Prepares a turn; not measured.</summary>
    public Func<Task>? Before { get; init; }

    /// <summary>Ends what a turn left under way, so that it does not disturb the next contender's; not measured.</summary>
    public Func<Task>? After { get; init; }

    /// <summary>Further figures of a turn, looked at after it and before <see cref="After"/>.</summary>
    public Func<IReadOnlyDictionary<string, double>>? Figures { get; init; }

    /// <summary>What compiles and connects everything; default a whole turn.</summary>
    public Func<Task>? WarmUp { get; init; }

    public async Task WarmUpAsync(CpuMeter meter)
    {
        if (WarmUp is null)
        {
            await TakeTurnAsync(meter);
            return;
        }

        await WarmUp();
        if (After is not null)
        {
            await After();
        }
    }

    public async Task<Sample> TakeTurnAsync(CpuMeter meter)
    {
        ArgumentNullException.ThrowIfNull(meter);
        if (Before is not null)
        {
            await Before();
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        var cpu = await meter.ReadAsync();
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var result = await Work();
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        cpu = await meter.ReadAsync() - cpu;
        var figures = Figures?.Invoke();
        if (After is not null)
        {
            await After();
        }

        return new Sample(result, allocated, cpu, figures);
    }
}
