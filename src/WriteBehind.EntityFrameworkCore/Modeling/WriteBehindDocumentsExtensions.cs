using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using WriteBehind.EntityFrameworkCore;

namespace WriteBehind;

/// <summary>Creates the generic table where neither migrations nor <c>EnsureCreated</c> do.</summary>
public static class WriteBehindDocumentsExtensions
{
    /// <summary>The idempotent SQL that creates the table which <c>AddWriteBehindDocuments</c> maps with the same arguments.</summary>
    public static string CreateTableSql(string tableName = "write_behind_documents", string? schema = null)
    {
        var table = SqlName.Table(schema, tableName);
        return $"""
            CREATE TABLE IF NOT EXISTS {table} (
                type text NOT NULL,
                id text NOT NULL,
                version bigint NOT NULL,
                state jsonb NOT NULL,
                updated_at timestamp with time zone NOT NULL DEFAULT now(),
                CONSTRAINT {SqlName.Quote($"PK_{tableName}")} PRIMARY KEY (type, id)
            );
            """;
    }

    /// <summary>
    /// Creates the generic table of the context's model if it is missing, with its schema. Several processes may call it at once.
    /// </summary>
    /// <exception cref="ConfigurationException">The model has no such table: call <c>AddWriteBehindDocuments</c> in OnModelCreating.</exception>
    public static async Task EnsureWriteBehindDocumentsAsync(this DatabaseFacade database, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(database);
        var mapped = database.GetService<IModel>().FindEntityType(typeof(WriteBehindDocument)) ?? throw new ConfigurationException(
            "AddWriteBehindDocuments",
            "The model does not map the generic table. Call modelBuilder.AddWriteBehindDocuments() in OnModelCreating.");
        var table = mapped.GetTableName()!;
        var schema = mapped.GetSchema();

        // One statement text is one transaction: the lock keeps two processes from creating the table at once, which would fail for one.
        var sql = $"""
            SELECT pg_advisory_xact_lock(hashtext({SqlName.Literal($"writebehind:{schema}.{table}")}));
            {(schema is null ? "" : $"CREATE SCHEMA IF NOT EXISTS {SqlName.Quote(schema)};")}
            {CreateTableSql(table, schema)}
            """;
        await database.ExecuteSqlRawAsync(SqlName.AsFormat(sql), cancellationToken).ConfigureAwait(false);
    }
}
