using System.Globalization;

namespace WriteBehind.Tests.Support;

/// <summary>Makes PostgreSQL itself fail the next writes to the table with an error of choice.</summary>
public static class SqlFailure
{
    /// <summary>
    /// Fails the next <paramref name="times"/> rows to be written, each with its statement. A sequence counts, as no rollback takes it
    /// back.
    /// </summary>
    public static Task ArmAsync(ItemTable table, string sqlState, int times) => table.ExecuteAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"""
        CREATE SEQUENCE IF NOT EXISTS failures;
        SELECT setval('failures', 1, false);
        CREATE OR REPLACE FUNCTION fail_some() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN
            IF nextval('failures') <= {times} THEN RAISE EXCEPTION 'on purpose' USING ERRCODE = '{sqlState}'; END IF;
            RETURN NEW;
          END $$;
        CREATE OR REPLACE TRIGGER fail_some BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION fail_some();
        """));
}
