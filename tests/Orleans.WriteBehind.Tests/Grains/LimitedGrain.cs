namespace Orleans.WriteBehind.Tests.Grains;

public sealed class LimitedGrain : Grain, ILimitedGrain
{
    private int _begun;

    public Task<int> CountAsync() => Task.FromResult(++_begun);

    public Task<int> CountForUserAsync() => Task.FromResult(++_begun);

    [RateLimited("api")]
    public Task<int> CountOnClassAsync() => Task.FromResult(++_begun);

    public Task<int> BegunAsync() => Task.FromResult(_begun);
}
