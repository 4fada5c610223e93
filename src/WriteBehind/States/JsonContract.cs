namespace WriteBehind.States;

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
