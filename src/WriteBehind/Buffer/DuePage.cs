namespace WriteBehind.Buffer;

/// <summary>Entities of one shard that are due.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Seen">How many entries were looked at.</param>
/// <param name="Held">How many of them a flusher holds.</param>
/// <param name="Ids">The others, oldest first.</param>
internal sealed record DuePage(int Shard, int Seen, int Held, IReadOnlyList<string> Ids);
