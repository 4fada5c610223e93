namespace Orleans.WriteBehind.Tests.Storage;

public interface IDefaultBasketGrain : IBasketGrain;
