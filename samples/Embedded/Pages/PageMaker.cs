using Microsoft.EntityFrameworkCore;
using WriteBehind;

namespace Embedded.Pages;

/// <summary>Makes product pages: the stock as it is now, and its rank among all products, which takes a look at the whole table.</summary>
internal sealed class PageMaker(IEntityStore<Stock> stock, IDbContextFactory<ShopContext> contexts, TimeProvider clock)
{
    /// <summary>Makes a page; null where there is no such product.</summary>
    public async Task<ProductPage?> MakeAsync(string product, CancellationToken cancellationToken)
    {
        // The stock is written behind: its latest is in Redis, and this is how to read it.
        if (await stock.GetAsync(product, cancellationToken) is not { } found)
        {
            return null;
        }

        // A context from the factory: a load may outlive the request that began it, and a scoped one would be disposed under it.
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var products = await context.Stock.LongCountAsync(cancellationToken);
        var ahead = await context.Stock.LongCountAsync(row => row.Movements > found.State.Movements, cancellationToken);
        return new ProductPage(product, found.State.Quantity, ahead + 1, products, clock.GetUtcNow());
    }
}
