using Microsoft.EntityFrameworkCore;
using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>The row of a product, by EF Core.</summary>
internal static class ProductRow
{
    public static async Task<PlainProduct> LoadAsync(
        IDbContextFactory<PlainContext> contexts, string id, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Products.AsNoTracking().SingleOrDefaultAsync(product => product.Id == id, cancellationToken)
            ?? PlainProduct.New(id);
    }

    public static async Task SaveAsync(IDbContextFactory<PlainContext> contexts, PlainProduct product, bool isNew)
    {
        await using var context = await contexts.CreateDbContextAsync();
        if (isNew)
        {
            context.Add(product);
        }
        else
        {
            context.Update(product);
        }

        await context.SaveChangesAsync();
    }
}
