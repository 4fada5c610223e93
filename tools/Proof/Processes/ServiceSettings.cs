namespace Proof.Processes;

/// <summary>What a service's process is started with.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Assembly">Its assembly.</param>
/// <param name="Environment">Its environment beside ours. May hold passwords: never shown.</param>
/// <param name="LogFile">Where its output goes.</param>
/// <param name="StopTimeout">When one that is asked to stop is killed. Longer than the budget that it has for its stop itself.</param>
public sealed record ServiceSettings(
    string Name,
    string Assembly,
    IReadOnlyDictionary<string, string> Environment,
    string LogFile,
    TimeSpan StopTimeout);
