namespace Chaos.Faults;

/// <summary>Something that can go wrong.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Shortest">How long it lasts at least.</param>
/// <param name="Longest">How long it lasts at most.</param>
/// <param name="StartAsync">Begins it, on something that is drawn; returns what ends it.</param>
internal sealed record Fault(string Name, TimeSpan Shortest, TimeSpan Longest, Func<Random, Task<Func<Task>>> StartAsync)
{
    public static Fault Of(string name, double shortest, double longest, Func<Random, Task<Func<Task>>> start)
        => new(name, TimeSpan.FromSeconds(shortest), TimeSpan.FromSeconds(longest), start);
}

/// <summary>
/// Faults of one part of the place, of which one happens at a time. Those of several lanes happen at once.
/// </summary>
/// <param name="Name">Which part.</param>
/// <param name="Faults">What can happen to it.</param>
/// <param name="Pause">How long it is left alone in between, on average.</param>
/// <param name="Turn">What is taken for the time of a fault, where lanes share a part.</param>
internal sealed record Lane(string Name, IReadOnlyList<Fault> Faults, TimeSpan Pause, SemaphoreSlim? Turn = null);
