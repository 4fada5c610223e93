using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>The rows that every saver saves, and the table as it must be before.</summary>
internal sealed class RowSet(int count)
{
    /// <summary>The version that is saved; what is there before has the one below.</summary>
    public const long Version = 2;

    public Product[] Products { get; } = Array.ConvertAll(ProductIds.Create(count), Product.New);

    /// <summary>An empty table, or one in which every row is there with an older version.</summary>
    public async Task PrepareTableAsync(Workspace workspace, bool isInsert)
    {
        await workspace.ExecuteAsync("TRUNCATE products");
        if (!isInsert)
        {
            await workspace.ExecuteAsync(
                $"""
                INSERT INTO products (id, name, category, quantity, reserved, price, updated_at, version)
                SELECT 'product-' || lpad(i::text, 7, '0'), 'White hanging heart T-light holder', 'Home and garden', 1, 0, 2.55, now(),
                    {Version - 1}
                FROM generate_series(0, {Products.Length - 1}) AS i
                """);
        }

        await workspace.ExecuteAsync("VACUUM ANALYZE products");
        await workspace.ExecuteAsync("CHECKPOINT");
    }
}
