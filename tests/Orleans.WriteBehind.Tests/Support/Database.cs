using Npgsql;

namespace Orleans.WriteBehind.Tests.Support;

/// <summary>Looks at the tables from outside, past the engine and EF Core.</summary>
public sealed class Database(string connectionString)
{
    /// <summary>How to reach it.</summary>
    public string ConnectionString => connectionString;

    /// <summary>The quantity in a row of <c>stock</c>; null where there is none.</summary>
    public async Task<long?> QuantityAsync(string sku)
        => (long?)await ScalarAsync("""SELECT "Quantity" FROM stock WHERE "Sku" = @key""", new NpgsqlParameter("key", sku));

    /// <summary>The version in a row of <c>stock</c>; null where there is none.</summary>
    public async Task<long?> VersionAsync(string sku)
        => (long?)await ScalarAsync("""SELECT "Version" FROM stock WHERE "Sku" = @key""", new NpgsqlParameter("key", sku));

    /// <summary>How many rows of <c>stock</c> have a key that begins so.</summary>
    public async Task<long> CountAsync(string prefix)
        => (long)(await ScalarAsync("""SELECT count(*) FROM stock WHERE "Sku" LIKE @key || '%'""", new NpgsqlParameter("key", prefix)))!;

    /// <summary>The first value of any query; null for none and for NULL.</summary>
    public async Task<object?> ScalarAsync(string sql, params NpgsqlParameter[] parameters)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteScalarAsync() is var value && value is DBNull ? null : value;
    }
}
