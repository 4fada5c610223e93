using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>What start-up says of tables that are not as the model has them. A database per test.</summary>
public sealed class VerifyTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly Database _database = new();

    private SinkHost<TestContext> Host => _database.Host;

    public Task InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    [Fact]
    public async Task Tables_that_EF_Core_created_are_as_they_should_be()
    {
        await Host.Sink<Product>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Sample>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Invoice>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Membership>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Ticket>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Counter>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Article>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Order>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Shape>().VerifyAsync(CancellationToken.None);
        await Host.Sink<Game>().VerifyAsync(CancellationToken.None);
    }

    [Theory]
    [InlineData("DROP TABLE counters", "\"counters\"", "table \"counters\" does not exist", "migrations")]
    [InlineData(
        "ALTER TABLE counters DROP COLUMN \"Version\"",
        "\"counters\".Version",
        "has no column \"Version\"",
        "ADD COLUMN \"Version\" bigint NOT NULL DEFAULT 0")]
    [InlineData("ALTER TABLE counters DROP COLUMN \"Value\"", "\"counters\".Value",
        "has no column \"Value\"", "ADD COLUMN \"Value\" bigint")]
    [InlineData(
        "ALTER TABLE counters ALTER COLUMN \"Value\" TYPE int",
        "\"counters\".Value",
        "column \"Value\" of table \"counters\" is integer, and the model says bigint",
        "HasColumnType(\"integer\")")]
    [InlineData(
        "ALTER TABLE counters ALTER COLUMN \"Name\" TYPE char(20)", "\"counters\".Name",
        "is character, and the model says character varying(20)", "TYPE")]
    [InlineData("ALTER TABLE counters ALTER COLUMN \"Version\" DROP NOT NULL", "\"counters\".Version", "may be NULL", "SET NOT NULL")]
    [InlineData("ALTER TABLE counters DROP CONSTRAINT \"PK_counters\"", "\"counters\".Name",
        "no unique constraint", "ADD PRIMARY KEY (\"Name\")")]
    [InlineData(
        """
        ALTER TABLE counters DROP CONSTRAINT "PK_counters";
        ALTER TABLE counters ADD UNIQUE ("Name") DEFERRABLE; ALTER TABLE counters ADD UNIQUE ("Name", "Value")
        """,
        "\"counters\".Name",
        "deferrable",
        "ADD PRIMARY KEY (\"Name\")")]
    [InlineData(
        "ALTER TABLE counters ADD COLUMN tenant text NOT NULL", "\"counters\".tenant",
        "NOT NULL, has no default, and no flush writes it", "default")]
    [InlineData(
        "ALTER TABLE counters DROP COLUMN \"Value\", ADD COLUMN \"Value\" bigint GENERATED ALWAYS AS (1) STORED",
        "\"counters\".Value",
        "computed by the database",
        "HasComputedColumnSql")]
    [InlineData("ALTER TABLE counters SET UNLOGGED", "\"counters\"", "a crash of PostgreSQL empties it", "SET LOGGED")]
    [InlineData("DROP TABLE counters; CREATE VIEW counters AS SELECT 1", "\"counters\"", "is not a table", "Map the entity to a table")]
    [InlineData(
        """
        CREATE EXTENSION postgres_fdw; CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1');
        DROP TABLE counters;
        CREATE FOREIGN TABLE counters ("Name" varchar(20), "Value" bigint, "Version" bigint NOT NULL) SERVER elsewhere
        """,
        "\"counters\"",
        "is a foreign table",
        "connect to the server that has the table")]
    [InlineData(
        """
        CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        ALTER TABLE counters ALTER COLUMN "Name" TYPE varchar(20) COLLATE folded
        """,
        "\"counters\".Name",
        "two ids would name one row",
        "COLLATE \"C\"")]
    public async Task A_table_that_differs_is_refused_with_the_place_and_the_way_out(
        string change, string setting, string what, string remedy)
    {
        await Host.ExecuteAsync(change);
        var error = await FailAsync(Host.Sink<Counter>());
        Assert.Equal((setting, "test"), (error.Setting, error.EntityType));
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ALTER TABLE counters ALTER COLUMN \"Name\" TYPE text")]
    [InlineData("ALTER TABLE counters ADD COLUMN tenant text NOT NULL DEFAULT 'x', ADD COLUMN number int GENERATED ALWAYS AS IDENTITY")]
    [InlineData("ALTER TABLE counters DROP CONSTRAINT \"PK_counters\"; CREATE UNIQUE INDEX ON counters (\"Name\") INCLUDE (\"Value\")")]
    [InlineData(
        """
        ALTER TABLE counters ADD COLUMN tenant text NOT NULL;
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tenant = 'x'; RETURN NEW; END $$;
        CREATE TRIGGER fill BEFORE INSERT ON counters FOR EACH ROW EXECUTE FUNCTION fill()
        """)]
    public async Task A_table_that_differs_harmlessly_is_taken_and_works(string change)
    {
        await Host.ExecuteAsync(change);
        await Host.Sink<Counter>().VerifyAsync(CancellationToken.None);
        Assert.Equal(SaveOutcome.Applied, (await Host.Sink<Counter>().PutAsync("a", 1, new Counter())).Outcome);
        Assert.Equal(SaveOutcome.Applied, (await Host.Sink<Counter>().PutAsync("a", 2, new Counter())).Outcome);
    }

    [Fact]
    public async Task The_tables_of_owned_types_are_looked_at_too()
    {
        await Host.ExecuteAsync("ALTER TABLE order_lines DROP COLUMN \"Item\"");
        Assert.Equal("\"order_lines\".Item", (await FailAsync(Host.Sink<Order>())).Setting);
    }

    [Fact]
    public async Task The_generic_table_is_looked_at_too()
    {
        await Host.ExecuteAsync("ALTER TABLE write_behind_documents ALTER COLUMN state TYPE text");
        Assert.Equal("\"write_behind_documents\".state", (await FailAsync(Host.Sink<Game>())).Setting);
    }

    private static Task<ConfigurationException> FailAsync<TState>(IEntitySink<TState> sink)
        where TState : class
        => Assert.ThrowsAsync<ConfigurationException>(() => sink.VerifyAsync(CancellationToken.None));
}
