namespace WriteBehind.DeadLetters;

/// <summary>A dead letter with the state that it holds.</summary>
/// <param name="Letter">The letter.</param>
/// <param name="IsDelete">True where the rejected write was a delete.</param>
/// <param name="Payload">The body of the payload (JSON by default); null for a delete, or where the entity has moved on.</param>
public sealed record DeadLetterDetail(DeadLetter Letter, bool IsDelete, ReadOnlyMemory<byte>? Payload);
