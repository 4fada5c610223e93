using Orleans.Providers;

namespace Orleans.WriteBehind.Tests.Storage;

[StorageProvider(ProviderName = "carts")]
public sealed class NamedBasketGrain : BasketGrain, INamedBasketGrain;
