namespace WriteBehind.Tests.Protocol;

/// <summary>What an exploration found.</summary>
/// <param name="States">How many states it saw.</param>
/// <param name="Broken">The promise that was broken; null where all held in every state.</param>
/// <param name="Trace">The shortest way there, one line per step.</param>
internal sealed record Exploration(int States, string? Broken, IReadOnlyList<string> Trace)
{
    public override string ToString()
        => Broken is null ? $"All promises hold in {States:N0} states." : $"Broken: \"{Broken}\" by\n{string.Join('\n', Trace)}";
}
