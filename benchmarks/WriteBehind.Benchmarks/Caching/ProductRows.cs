using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Caching;

/// <summary>Loads products by their key, with EF Core and contexts from a pool, and counts it: the loader of every contender.</summary>
internal sealed class ProductRows(Workspace workspace)
{
    private readonly PooledDbContextFactory<ShopContext> _contexts = new(workspace.ContextOptions<ShopContext>());
    private long _loads;

    /// <summary>How many loads were begun.</summary>
    public long Loads => Interlocked.Read(ref _loads);

    public async Task<Product?> LoadAsync(string id, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _loads);
        await using var context = await _contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<Product>().AsNoTracking().FirstOrDefaultAsync(product => product.Id == id, cancellationToken);
    }

    public async Task<IReadOnlyDictionary<string, Product>> LoadManyAsync(
        IReadOnlyList<string> ids, CancellationToken cancellationToken = default)
    {
        Interlocked.Increment(ref _loads);
        await using var context = await _contexts.CreateDbContextAsync(cancellationToken);
        return await context.Set<Product>().AsNoTracking().Where(product => ids.Contains(product.Id))
            .ToDictionaryAsync(product => product.Id, cancellationToken);
    }
}
