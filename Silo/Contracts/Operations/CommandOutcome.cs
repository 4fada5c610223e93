namespace Silo.Contracts.Operations;

/// <summary>What an operator's command came to on the silo that carried it out.</summary>
/// <param name="ExitCode">As <c>writebehind --help</c> says.</param>
/// <param name="Output">What it found, as text or JSON.</param>
/// <param name="Errors">Errors, and what it says beside; at the end the question, where it asked one.</param>
/// <param name="IsAsked">
/// Whether it asked for a confirmation, got none, and therefore did nothing. With <c>--yes</c> it does not ask.
/// </param>
[GenerateSerializer]
[Immutable]
[Alias("silo.command-outcome")]
public sealed record CommandOutcome(
    [property: Id(0)] int ExitCode, [property: Id(1)] string Output, [property: Id(2)] string Errors, [property: Id(3)] bool IsAsked);
