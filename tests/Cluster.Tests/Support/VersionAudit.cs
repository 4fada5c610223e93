using Npgsql;

namespace Cluster.Tests.Support;

/// <summary>Has PostgreSQL itself note every row whose version does not grow, and every row that is taken away.</summary>
internal static class VersionAudit
{
    private const string Install = """
        CREATE TABLE shop.fall (at timestamptz NOT NULL DEFAULT clock_timestamp(), what text NOT NULL);
        CREATE FUNCTION shop.note_fall() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO shop.fall (what)
                VALUES (TG_OP || ' of ' || TG_TABLE_NAME || ': ' || OLD::text || ' -> ' || coalesce(NEW::text, 'nothing'));
            RETURN NULL;
        END $$;
        CREATE TRIGGER note_fall AFTER UPDATE ON shop.stock
            FOR EACH ROW WHEN (NEW.version <= OLD.version) EXECUTE FUNCTION shop.note_fall();
        CREATE TRIGGER note_fall AFTER UPDATE ON shop.views
            FOR EACH ROW WHEN (NEW.version <= OLD.version) EXECUTE FUNCTION shop.note_fall();
        CREATE TRIGGER note_loss AFTER DELETE ON shop.stock FOR EACH ROW EXECUTE FUNCTION shop.note_fall();
        CREATE TRIGGER note_loss AFTER DELETE ON shop.views FOR EACH ROW EXECUTE FUNCTION shop.note_fall();
        """;

    // A guard that guards nothing would look just like success.
    private const string Try = """
        INSERT INTO shop.stock VALUES ('audit', 1, 1, 2);
        UPDATE shop.stock SET version = 3 WHERE id = 'audit';
        UPDATE shop.stock SET version = 1 WHERE id = 'audit';
        DELETE FROM shop.stock WHERE id = 'audit';
        """;

    public static async Task InstallAsync(string postgres)
    {
        await using var database = NpgsqlDataSource.Create(postgres);
        await ExecuteAsync(database, Install);
        await ExecuteAsync(database, Try);
        Assert.Equal(2, (await ReadAsync(postgres)).Count);
        await ExecuteAsync(database, "TRUNCATE shop.fall");
    }

    /// <summary>What was noted since the installation.</summary>
    public static async Task<IReadOnlyList<string>> ReadAsync(string postgres)
    {
        var found = new List<string>();
        await using var database = NpgsqlDataSource.Create(postgres);
        await using var command = database.CreateCommand("SELECT what FROM shop.fall ORDER BY at");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            found.Add(reader.GetString(0));
        }

        return found;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}
