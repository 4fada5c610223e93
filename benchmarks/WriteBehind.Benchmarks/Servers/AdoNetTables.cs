namespace WriteBehind.Benchmarks.Servers;

/// <summary>
/// What Microsoft.Orleans.Persistence.AdoNet expects in the database and its package does not bring: a table of states, and the texts of
/// its three queries. Written for this benchmark, for grains with text keys, with one statement for each.
/// </summary>
internal static class AdoNetTables
{
    private const string IsRow =
        """
        grainidhash = @GrainIdHash AND graintypehash = @GrainTypeHash AND grainidn0 = @GrainIdN0 AND grainidn1 = @GrainIdN1
        AND graintypestring = @GrainTypeString AND grainidextensionstring = @GrainIdExtensionString
        AND serviceid = @ServiceId
        """;

    private const string Read = $"SELECT payloadbinary, version FROM orleansstorage WHERE {IsRow}";

    private const string Write =
        $"""
        WITH raised AS (
          UPDATE orleansstorage SET payloadbinary = @PayloadBinary, version = version + 1, modifiedon = now()
          WHERE {IsRow} AND version = @GrainStateVersion::int RETURNING version
        ), added AS (
          INSERT INTO orleansstorage
          SELECT @GrainIdHash, @GrainIdN0, @GrainIdN1, @GrainTypeHash, @GrainTypeString, @GrainIdExtensionString, @ServiceId,
            @PayloadBinary, 1, now()
          WHERE @GrainStateVersion::int IS NULL ON CONFLICT DO NOTHING RETURNING version
        )
        SELECT version AS newgrainstateversion FROM raised UNION ALL SELECT version FROM added
        """;

    private const string Clear =
        $"""
        UPDATE orleansstorage SET payloadbinary = NULL, version = version + 1, modifiedon = now()
        WHERE {IsRow} AND version = @GrainStateVersion::int RETURNING version AS newgrainstateversion
        """;

    public const string Create =
        $"""
        CREATE TABLE orleansstorage (
          grainidhash int NOT NULL, grainidn0 bigint NOT NULL, grainidn1 bigint NOT NULL, graintypehash int NOT NULL,
          graintypestring text NOT NULL, grainidextensionstring text NOT NULL, serviceid text NOT NULL,
          payloadbinary bytea, version int NOT NULL, modifiedon timestamptz NOT NULL,
          PRIMARY KEY
            (grainidhash, graintypehash, grainidn0, grainidn1, graintypestring, grainidextensionstring, serviceid));
        CREATE TABLE orleansquery (querykey text PRIMARY KEY, querytext text NOT NULL);
        INSERT INTO orleansquery VALUES
          ('ReadFromStorageKey', $query${Read}$query$), ('WriteToStorageKey', $query${Write}$query$),
          ('ClearStorageKey', $query${Clear}$query$)
        """;
}
