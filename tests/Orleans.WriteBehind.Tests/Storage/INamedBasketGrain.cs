namespace Orleans.WriteBehind.Tests.Storage;

public interface INamedBasketGrain : IBasketGrain;
