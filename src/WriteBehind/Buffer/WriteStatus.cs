namespace WriteBehind.Buffer;

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
}
