namespace WriteBehind.Tests.Protocol;

/// <summary>All that Redis held of the entity at one moment.</summary>
internal record struct RedisCopy(Buffered Buffer, bool Dirty, Claim Claim, Fence Fence, byte Memos, byte OlderMemos);
