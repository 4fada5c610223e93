using Orleans.Concurrency;
using Views = Orleans.WriteBehind.Tests.Support.Views;

namespace Orleans.WriteBehind.Tests.Grains;

[Reentrant]
public sealed class ViewsGrain : WriteBehindGrain<Views>, IViewsGrain
{
    private readonly TaskCompletionSource _continue = new();
    private int _waiting;

    public async Task<long> AddAsync(long count)
    {
        State = State with { Count = State.Count + count };
        var mine = State.Count;
        await SaveAsync();
        return mine;
    }

    public Task<long> GetAsync() => Task.FromResult(State.Count);

    public Task MustBeAtMostAsync(long count)
        => State.Count <= count ? Task.CompletedTask : throw new InvalidOperationException($"There are {State.Count}.");

    public Task<long> PeekAsync() => Task.FromResult(State.Count);

    public async Task<long> AddWaitAndLookAsync(long count)
    {
        await AddAsync(count);
        _waiting++;
        await _continue.Task;
        _waiting--;
        return State.Count;
    }

    public async IAsyncEnumerable<long> CountsAsync()
    {
        while (true)
        {
            await Task.Yield();
            yield return State.Count;
        }
    }

    public async IAsyncEnumerable<long> CountsBeforeAndAfterAsync()
    {
        yield return State.Count;
        await _continue.Task;
        yield return State.Count;
    }

    public async Task AddInTwoStepsAsync(long count)
    {
        State = State with { Count = State.Count + count };
        _waiting++;
        await _continue.Task;
        State = State with { Count = State.Count + count };
        await SaveAsync();
    }

    public Task ContinueAsync()
    {
        _continue.TrySetResult();
        return Task.CompletedTask;
    }

    public Task<int> WaitingAsync() => Task.FromResult(_waiting);
}
