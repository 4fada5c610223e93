namespace Orleans.WriteBehind.Tests.Storage;

public sealed class DefaultBasketGrain : BasketGrain, IDefaultBasketGrain;
