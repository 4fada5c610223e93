using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.States;

/// <summary>
/// Reads back what was written as JSON and compares it. Where the contract leaves no doubt, the first few states are all it looks at; where
/// it does, each of them. And always those whose JSON shows a character that text may not hold.
/// </summary>
internal sealed class JsonProof(StrictJson json, Type type)
{
    /// <summary>How many states of a type without doubts are read back: its contract is proof, and these prove the contract.</summary>
    private const int First = 8;

    // What begins an escape, and the first byte of U+FFFD in UTF-8: most states have neither.
    private static readonly SearchValues<byte> Suspects = SearchValues.Create([(byte)'\\', 0xEF]);

    private int _seen;
    private volatile bool _hasFailed;

    public JsonContract Contract { get; } = json.ContractOf(type);

    /// <summary>
    /// Whether objects refer to others by number, which needs members in the order in which they were written; jsonb keeps none.
    /// </summary>
    public bool NeedsOrder => json.Options.ReferenceHandler == ReferenceHandler.Preserve;

    /// <summary>What the same settings make of another type: that of a part of the state, say.</summary>
    public JsonContract ContractOf(Type other) => json.ContractOf(other);

    /// <summary>Whether the JSON has to be read back before the state is acknowledged.</summary>
    public bool IsDue(ReadOnlySpan<byte> body)
        => StrictJson.TakeSuspicion() | Contract.Doubts.Count > 0 || _hasFailed
            || (_seen < First && Interlocked.Increment(ref _seen) <= First) || MayHoldHalfACharacter(body);

    /// <summary>Why the state does not come back as it is; null where it does.</summary>
    public string? Refuse(object state, ReadOnlySpan<byte> body)
    {
        var difference = Difference(state, body);

        // A contract that proved wrong once proves nothing.
        _hasFailed |= difference is not null;
        return difference;
    }

    private string? Difference(object state, ReadOnlySpan<byte> body)
    {
        try
        {
            // The contract says what members are; the fields say what it overlooks.
            var read = JsonSerializer.Deserialize(body, json.Options.GetTypeInfo(type));
            return new StateComparer(json.Options).Difference(state, read, type, type.Name)
                ?? new GraphComparer().Difference(state, read, type.Name);
        }
        catch (Exception e)
            when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException or FormatException)
        {
            return $"what was written can't be read: {e.Message}";
        }
    }

    /// <summary>Whether a text in JSON holds the character U+0000, which PostgreSQL has no place for.</summary>
    public static bool HoldsNul(ReadOnlySpan<byte> body)
    {
        for (var at = body.IndexOf("\\u0000"u8); at >= 0; at = Next(body, at, "\\u0000"u8))
        {
            var slashes = 0;
            while (at - slashes > 0 && body[at - slashes - 1] == (byte)'\\')
            {
                slashes++;
            }

            if (slashes % 2 == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static int Next(ReadOnlySpan<byte> body, int at, ReadOnlySpan<byte> wanted)
        => body[(at + 1)..].IndexOf(wanted) is var found and >= 0 ? at + 1 + found : -1;

    /// <summary>Half a surrogate pair is written as U+FFFD, and comes back as that.</summary>
    private static bool MayHoldHalfACharacter(ReadOnlySpan<byte> body)
        => body.IndexOfAny(Suspects) is var at and >= 0
            && (body[at..].IndexOf("\\uFFFD"u8) >= 0 || body[at..].IndexOf("\\ufffd"u8) >= 0 || body[at..].IndexOf("\uFFFD"u8) >= 0);
}

/// <summary>What a serializer's settings make of a state type, as far as it can be told before there is a state.</summary>
/// <param name="Faults">
/// Why states of the type can't come back as they were, each with type, member and way out; empty where nothing is known to be in the way.
/// </param>
/// <param name="Doubts">
/// What only a state itself can show: converters of the application, private fields, collections of its own. Where there are none, what was
/// read back a few times comes back always.
/// </param>
/// <param name="Names">The names in JSON of all members, by the way to them from the state.</param>
/// <param name="Members">The members of the type itself that are written and read.</param>
/// <param name="Stored">Those of them that hold something, and don't only pass on what others hold.</param>
internal sealed record JsonContract(
    IReadOnlyList<string> Faults,
    IReadOnlyList<string> Doubts,
    IReadOnlyDictionary<string, string> Names,
    IReadOnlySet<string> Members,
    IReadOnlySet<string> Stored);
