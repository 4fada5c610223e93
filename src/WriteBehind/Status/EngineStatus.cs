namespace WriteBehind.Status;

/// <summary>How the engine is doing.</summary>
/// <param name="Types">One entry per registered entity type.</param>
/// <param name="Durability">What Redis promises.</param>
/// <param name="Loops">The background loops of this process.</param>
public sealed record EngineStatus(IReadOnlyList<TypeStatus> Types, DurabilityStatus Durability, IReadOnlyList<LoopStatus> Loops);
