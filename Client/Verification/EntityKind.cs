using Npgsql;

namespace Client.Verification;

/// <summary>How an entity type is found in the three places.</summary>
/// <param name="Type">Its registered name.</param>
/// <param name="Select">Reads rows: the key columns, the values, the version.</param>
/// <param name="KeyCondition">Chooses one row; <c>$1</c> is the first part of the key.</param>
/// <param name="KeyOf">The parts of an id as the key's columns take them.</param>
/// <param name="IdOf">The id of a row.</param>
/// <param name="Columns">The values, as Redis' JSON names them, in the order of the row.</param>
/// <param name="FromGrain">Asks the grain.</param>
internal sealed record EntityKind(
    string Type,
    string Select,
    string KeyCondition,
    Func<string, object[]> KeyOf,
    Func<NpgsqlDataReader, string> IdOf,
    IReadOnlyList<string> Columns,
    Func<IGrainFactory, string, Task<StoredState?>> FromGrain);
