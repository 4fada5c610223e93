using WriteBehind.Benchmarks.Model;

namespace WriteBehind.Benchmarks.Grains;

/// <summary>Microsoft.Orleans.Persistence.AdoNet on PostgreSQL.</summary>
public sealed class AdoNetProductGrain([PersistentState("product", AdoNetProductGrain.Storage)] IPersistentState<Product> product)
    : StoredProductGrain(product), IAdoNetProductGrain
{
    /// <summary>The name of the storage provider.</summary>
    public const string Storage = "adonet";
}
