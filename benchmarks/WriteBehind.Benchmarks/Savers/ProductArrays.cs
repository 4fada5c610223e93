using Npgsql;
using NpgsqlTypes;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>Rows column by column.</summary>
internal sealed class ProductArrays(IReadOnlyCollection<Product> products)
{
    /// <summary>Puts rows in the workspace of older ones.</summary>
    public const string MergeSql = """
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, category = excluded.category, quantity = excluded.quantity,
            reserved = excluded.reserved, price = excluded.price, updated_at = excluded.updated_at, version = excluded.version
        WHERE t.version < excluded.version
        """;

    public const string UpsertSql = $"""
        INSERT INTO products AS t (id, name, category, quantity, reserved, price, updated_at, version)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
        {MergeSql}
        """;

    public int Count => products.Count;

    public void AddTo(NpgsqlParameterCollection parameters)
    {
        Add(NpgsqlDbType.Text, product => product.Id);
        Add(NpgsqlDbType.Text, product => product.Name);
        Add(NpgsqlDbType.Text, product => product.Category);
        Add(NpgsqlDbType.Bigint, product => product.Quantity);
        Add(NpgsqlDbType.Bigint, product => product.Reserved);
        Add(NpgsqlDbType.Numeric, product => product.Price);
        Add(NpgsqlDbType.TimestampTz, product => product.UpdatedAt);
        Add(NpgsqlDbType.Bigint, _ => RowSet.Version);

        void Add<T>(NpgsqlDbType type, Func<Product, T> read) => parameters.Add(
            new NpgsqlParameter<T[]> { TypedValue = [.. products.Select(read)], NpgsqlDbType = NpgsqlDbType.Array | type });
    }
}
