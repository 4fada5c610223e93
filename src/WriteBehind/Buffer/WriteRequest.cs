using System.Buffers.Binary;
using StackExchange.Redis;

namespace WriteBehind.Buffer;

/// <summary>One write of one entity.</summary>
/// <param name="Id">The entity.</param>
/// <param name="Known">What the writer knows: the write goes on top of exactly this version.</param>
/// <param name="Payload">The payload; null for a tombstone.</param>
/// <param name="Nonce">Names this write (<see cref="Nonces"/>), so that it can be sent again when its answer got lost, without being
/// applied twice.</param>
/// <param name="Changes">How many changes it carries out: each has a version of its own, and the last one's is stored.</param>
/// <param name="IsRemembered">Whether it may go on top of that version only where Redis itself has it, and not its fence.</param>
/// <param name="Memos">The operations among them, which have to be new; null where there are none.</param>
/// <param name="Weight">For how many operations of the entity they count (<see cref="OperationMemos.WeightOf"/>).</param>
internal sealed record WriteRequest(
    string Id, Knowledge Known, byte[]? Payload, string Nonce, int Changes = 1, bool IsRemembered = false,
    PendingMemo[]? Memos = null, long Weight = 0)
{
    /// <summary>The version that is stored.</summary>
    public long Version => Known.Version + Changes;
}

/// <summary>The answer to one write.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Known">With <see cref="WriteStatus.Ok"/>: the version written, as knowledge. With a conflict: the version found.</param>
/// <param name="Error">With <see cref="WriteStatus.Error"/>: Redis' words.</param>
internal readonly record struct WriteReply(WriteStatus Status, Knowledge Known, string? Error = null);

/// <summary>What the write script says of one entity.</summary>
internal enum WriteStatus
{
    /// <summary>Written.</summary>
    Ok,

    /// <summary>Refused: the current version is another one.</summary>
    Conflict,

    /// <summary>Refused: the shard's bound is reached.</summary>
    Full,

    /// <summary>Refused: the writer's knowledge is older than a fence lasts, or from before Redis came back empty.</summary>
    Unconfirmed,

    /// <summary>Refused: the entity's key holds something else than a hash.</summary>
    Error,

    /// <summary>Refused: one of its operations has taken effect before, or may have.</summary>
    Known,

    /// <summary>It is to be sent once more: Redis needs all keys of the shard's memos, which the next call brings.</summary>
    Again,
}

/// <summary>What a section of a call has of operations.</summary>
internal sealed class SectionMemos
{
    private const int OfOperations = 4;

    private readonly IGrouping<int, int> _section;
    private readonly IReadOnlyList<WriteRequest> _requests;
    private readonly long _least = long.MaxValue;
    private readonly long _greatest;

    public SectionMemos(IGrouping<int, int> section, IReadOnlyList<WriteRequest> requests, OperationMemos memos)
    {
        (_section, _requests) = (section, requests);
        var (entities, plain) = (0, 0);
        IsWhole = memos.IsWhole(section.Key);
        foreach (var index in section)
        {
            if (requests[index].Memos is not { } some)
            {
                plain++;
                continue;
            }

            entities++;
            Count += some.Length;
            IsWhole |= some.Length > 1 || requests[index].Weight > 0;
            Range(some, ref _least, ref _greatest);
        }

        IsWhole &= Count > 0;
        Keys = Count == 0 ? 0 : IsWhole ? OperationLua.Keys : 1;
        Arguments = (2 * Count) + (IsWhole ? (OfOperations * entities) + plain : 0);
    }

    /// <summary>How many operations.</summary>
    public int Count { get; }

    /// <summary>The time of the oldest.</summary>
    public long Least => _least;

    /// <summary>The time of the youngest.</summary>
    public long Greatest => _greatest;

    /// <summary>Whether the call brings all keys of the shard's memos, and says more of each entity.</summary>
    public bool IsWhole { get; }

    /// <summary>How many keys of memos it brings.</summary>
    public int Keys { get; }

    /// <summary>How many arguments beyond those that are the same for each section.</summary>
    public int Arguments { get; }

    /// <summary>Adds names and memos of all.</summary>
    public void AddTo(RedisValue[] arguments, ref int argument)
    {
        foreach (var index in _section)
        {
            foreach (var memo in _requests[index].Memos ?? [])
            {
                arguments[argument + Count] = memo.Memo.Write();
                arguments[argument++] = memo.Key.FieldOf(_requests[index].Id);
            }
        }

        argument += Count;
    }

    /// <summary>Adds what stands with an entity.</summary>
    public void AddOf(WriteRequest request, RedisValue[] arguments, ref int argument)
    {
        if (IsWhole)
        {
            arguments[argument++] = request.Memos?.Length ?? 0;
            if (request.Memos is { } memos)
            {
                var (least, greatest) = (long.MaxValue, 0L);
                Range(memos, ref least, ref greatest);
                (arguments[argument++], arguments[argument++], arguments[argument++]) = (least, greatest, request.Weight);
            }
        }
    }

    private static void Range(PendingMemo[] memos, ref long least, ref long greatest)
    {
        foreach (var memo in memos)
        {
            (least, greatest) = (Math.Min(least, memo.Key.Time), Math.Max(greatest, memo.Key.Time));
        }
    }
}

/// <summary>What is kept of an operation that took effect.</summary>
/// <param name="Version">The version of its change.</param>
/// <param name="Result">Its result; null where none was recorded.</param>
internal readonly record struct OperationMemo(long Version, ReadOnlyMemory<byte>? Result)
{
    /// <summary>Bytes: whether there is a result and how many bytes the version has, the version (little-endian), the result.</summary>
    public byte[] Write()
    {
        Span<byte> version = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(version, Version);
        version = version[..(version.LastIndexOfAnyExcept((byte)0) + 1)];
        var bytes = new byte[1 + version.Length + (Result?.Length ?? 0)];
        bytes[0] = (byte)(version.Length + (Result is null ? 0 : 16));
        version.CopyTo(bytes.AsSpan(1));
        Result?.Span.CopyTo(bytes.AsSpan(1 + version.Length));
        return bytes;
    }

    public static OperationMemo Read(byte[] bytes)
    {
        var length = bytes.Length == 0 ? 0 : bytes[0] & 15;
        if (length > sizeof(long) || bytes.Length < 1 + length)
        {
            return new(0, null);
        }

        var version = 0L;
        for (var i = length; i > 0; i--)
        {
            version = (version << 8) | bytes[i];
        }

        return new(version, (bytes[0] & 16) == 0 ? null : bytes.AsMemory(1 + length));
    }
}

/// <summary>An operation as it goes with a write.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Memo">What is to be kept of it.</param>
internal readonly record struct PendingMemo(OperationKey Key, OperationMemo Memo);

/// <summary>What is known of an operation.</summary>
/// <param name="Status">In one word of the script.</param>
/// <param name="Memo">Its memo; null where there is none.</param>
internal readonly record struct MemoReply(string Status, OperationMemo? Memo)
{
    public const string KnownStatus = "known";
    public const string NewStatus = "new";

    /// <summary>Whether it has not taken effect.</summary>
    public bool IsNew => Status == NewStatus;

    /// <summary>Why it can't be carried out, where it is neither known nor new.</summary>
    public WriteBehindException Error(string type, string id, OperationKey key) => Status switch
    {
        "ahead" => new InvalidOperationIdException(
            type, id, key.Text, $"its time is more than {OperationKey.Tolerance.TotalSeconds:0} s ahead of Redis' clock. Set the clocks."),
        "expired" => new OperationForgottenException(type, id, key.Text, OperationDoubt.Expired),
        "dropped" => new OperationForgottenException(type, id, key.Text, OperationDoubt.Dropped),
        _ => new OperationForgottenException(type, id, key.Text, OperationDoubt.RedisLost),
    };
}
