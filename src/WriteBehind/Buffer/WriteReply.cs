namespace WriteBehind.Buffer;

/// <summary>The answer to one write.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Known">With <see cref="WriteStatus.Ok"/>: the version written, as knowledge. With a conflict: the version found.</param>
/// <param name="Error">With <see cref="WriteStatus.Error"/>: Redis' words.</param>
internal readonly record struct WriteReply(WriteStatus Status, Knowledge Known, string? Error = null);
