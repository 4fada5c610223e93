namespace WriteBehind.Tests.Protocol;

/// <summary>What the database does: the version-guarded save, at once or as a transaction that commits later.</summary>
internal sealed class Database(ProtocolRules rules)
{
    /// <summary>Whether a save need not wait for the open transaction.</summary>
    public bool MayRun(in World world, in Flusher flusher)
    {
        if (!world.Uncommitted.Exists)
        {
            return true;
        }

        // Whoever finds the row locked waits. A delete finds no row where another transaction is only just inserting it.
        var overlooksInsert = flusher.Value == World.Absent && !world.Row.Exists;
        return overlooksInsert && !rules.DeletesWaitForPuts;
    }

    /// <summary>Whether a save would change anything: the guard of every statement.</summary>
    public static bool Applies(in World world, in Flusher flusher)
        => world.Row.Version < flusher.Version && (world.Row.Exists || flusher.Value != World.Absent);

    /// <summary>
    /// Whether the row stands in the way: it is newer, or has this version and another content. (The row of the same content is this very
    /// write's, saved before.)
    /// </summary>
    public bool Refuses(in World world, in Flusher flusher)
        => world.Row.Version > flusher.Version
            || (rules.ReplaysAreProven && world.Row.Exists && world.Row.Version == flusher.Version && world.Row.Value != flusher.Value);

    /// <summary>Writes or deletes the row.</summary>
    public static void Commit(ref World world, byte version, byte value)
        => world.Row = value == World.Absent ? default : new Row(version, value);
}
