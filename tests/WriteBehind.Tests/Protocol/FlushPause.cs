namespace WriteBehind.Tests.Protocol;

/// <summary>A pause of the flush, in Redis.</summary>
/// <param name="Left">For how many ticks.</param>
/// <param name="Heard">One bit per flusher that has heard of it.</param>
/// <param name="IsQuiet">Whether the operator has seen that no flush is under way any more, and counts on the rows to stand still.</param>
internal record struct FlushPause(byte Left, byte Heard, bool IsQuiet)
{
    public readonly bool Exists => Left != 0;
}
