using Microsoft.EntityFrameworkCore;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Savers;

/// <summary>EF Core as everybody uses it, with batches of a thousand, also where five thousand rows wait.</summary>
internal sealed class SaveChangesSaver(Workspace workspace) : IRowSaver
{
    private const int MostInBatch = 1_000;

    private readonly DbContextOptions<PlainContext> _options = new DbContextOptionsBuilder<PlainContext>()
        .UseNpgsql(workspace.Database, npgsql => npgsql.MaxBatchSize(MostInBatch)).Options;

    public string Name => "EF Core SaveChanges, 1,000 rows at a time";

    public async Task<Prepared> PrepareAsync(RowSet rows, int batchSize)
    {
        await using var context = new PlainContext(_options);
        var isInsert = !await context.Products.AnyAsync();
        return new Prepared([.. rows.Products.Chunk(MostInBatch).Select(chunk =>
        {
            var products = Array.ConvertAll(chunk, product =>
            {
                var row = PlainProduct.Of(product);
                row.Version = RowSet.Version;
                return row;
            });
            return (chunk.Length, (Func<Task>)(() => SaveAsync(products, isInsert)));
        })]);
    }

    private async Task SaveAsync(PlainProduct[] products, bool isInsert)
    {
        await using var context = new PlainContext(_options);
        if (isInsert)
        {
            context.AddRange(products);
        }
        else
        {
            context.UpdateRange(products);
        }

        await context.SaveChangesAsync();
    }
}
