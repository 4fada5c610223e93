namespace WriteBehind.Tests.Support;

/// <summary>
/// Has PostgreSQL itself take note whenever a row's version does not grow: the promise that the database never goes back.
/// </summary>
public static class VersionWatch
{
    /// <summary>Begins to watch the table.</summary>
    public static Task AttachAsync(ItemTable table) => table.ExecuteAsync(
        """
        CREATE TABLE falls (id text, old bigint, new bigint);
        CREATE FUNCTION note_fall() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN INSERT INTO falls VALUES (NEW.id, OLD."Version", NEW."Version"); RETURN NULL; END $$;
        CREATE TRIGGER watch AFTER UPDATE ON items FOR EACH ROW WHEN (NEW."Version" <= OLD."Version") EXECUTE FUNCTION note_fall();
        """);

    /// <summary>Fails where a version fell or stayed.</summary>
    public static async Task AssertNoFallAsync(ItemTable table)
        => Assert.Equal(0L, await table.ScalarAsync("SELECT count(*) FROM falls"));
}
