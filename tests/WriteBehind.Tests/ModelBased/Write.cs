using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>One write, made or tried. Its number is in its state, so that a state says which write it is of.</summary>
internal sealed class Write(long number, bool isDelete)
{
    public const long Absent = 0;

    public long Number => number;

    public bool IsDelete => isDelete;

    /// <summary>
    /// The number of the state that its writer had seen, <see cref="Absent"/> where there was none; null for "whatever is there".
    /// </summary>
    public long? Basis { get; set; }

    /// <summary>The nonce it was sent with; null where only the engine knows.</summary>
    public string? Nonce { get; set; }

    /// <summary>How many changes it holds; each has a version of its own, and the last one's is the write's.</summary>
    public int Changes { get; init; } = 1;

    /// <summary>Its version, once it is applied.</summary>
    public long Version { get; set; }

    /// <summary>Its state; null for a delete.</summary>
    public Item? State => isDelete ? null : new Item(number, Basis is { } basis ? $"on {basis}" : null);

    /// <summary>What a reader of it has seen.</summary>
    public long Seen => isDelete ? Absent : number;

    public override string ToString() => isDelete ? $"delete #{number}" : $"#{number}";
}
