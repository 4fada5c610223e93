namespace WriteBehind.Buffer;

/// <summary>The claim of one batch on one shard.</summary>
/// <param name="Shard">The shard.</param>
/// <param name="Term">The end of the lease in Redis time (µs). Unique in the shard, and so the claim's name.</param>
/// <param name="At">Redis time (ms) of the claim.</param>
/// <param name="Entities">The entities asked for, in the order asked.</param>
internal sealed record ShardClaim(int Shard, long Term, long At, IReadOnlyList<ClaimedEntity> Entities);
