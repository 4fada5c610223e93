namespace Orleans.WriteBehind.Storage;

/// <summary>A grain state of any type as the engine carries it: JSON it does not look into.</summary>
/// <param name="Json">The state, as UTF-8.</param>
internal sealed record GrainStateDocument(ReadOnlyMemory<byte> Json);
