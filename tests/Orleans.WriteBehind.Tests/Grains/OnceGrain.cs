using Orleans.Concurrency;
using WriteBehind;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain for calls that are to count once. It counts how often its methods ran.</summary>
public interface IOnceGrain : IGrainWithStringKey
{
    Task<long> AddAsync(long quantity);

    /// <summary>The same, for a caller who needs no answer.</summary>
    Task PutAsync(long quantity);

    /// <summary>Adds, and returns a text as long as that.</summary>
    Task<string> AddAndTellAsync(long quantity, int length);

    /// <summary>Returns the version that its change has.</summary>
    Task<long> AddAndVersionAsync(long quantity);

    Task<long> AddThroughAsync(long quantity);

    /// <summary>Adds, saves, adds once more and saves again.</summary>
    Task<long> AddTwiceAsync(long quantity);

    Task<long> AddAndFailAsync(long quantity);

    /// <summary>Changes nothing.</summary>
    Task<int> LookAsync();

    Task<bool> TakeAsync(long quantity);

    Task RemoveAsync();

    /// <summary>Adds here, and twice at another grain.</summary>
    Task<long> AddAndPassOnAsync(string other, long quantity);

    /// <summary>Adds, saves, and leaves something running that does so once more when it is told to go on.</summary>
    Task AddNowAndLaterAsync(long quantity);

    Task ContinueAsync();

    /// <summary>Adds, saves and asks for the state anew.</summary>
    Task AddAndReloadAsync(long quantity);

    Task<(int Runs, long Quantity, long Version)> InfoAsync();

    Task DeactivateAsync();
}

/// <summary>The same with calls that interleave.</summary>
public interface ISharedOnceGrain : IGrainWithStringKey
{
    Task<long> AddAsync(long quantity);

    /// <summary>Adds, saves, and returns once it is told to go on.</summary>
    Task<long> AddAndWaitAsync(long quantity);

    /// <summary>The same, but fails then.</summary>
    Task<long> AddWaitAndFailAsync(long quantity);

    [ShowsUnacknowledged]
    Task<int> RunsAsync();

    Task<long> GetAsync();

    [ShowsUnacknowledged]
    Task ContinueAsync();
}

/// <summary>Stands between a caller and the grain that the caller's operation is for.</summary>
public interface IBetweenGrain : IGrainWithStringKey
{
    Task<long> AddAsync(string once, long quantity);
}

public sealed class OnceGrain : WriteBehindGrain<Stock>, IOnceGrain
{
    private readonly TaskCompletionSource _continue = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _runs;

    public async Task<long> AddAsync(long quantity)
    {
        _runs++;
        State.Quantity += quantity;
        await SaveAsync();
        return State.Quantity;
    }

    public Task PutAsync(long quantity) => AddAsync(quantity);

    public async Task<string> AddAndTellAsync(long quantity, int length)
    {
        await AddAsync(quantity);
        return new string('x', length);
    }

    public async Task<long> AddAndVersionAsync(long quantity)
    {
        await AddAsync(quantity);
        return Version;
    }

    public async Task<long> AddThroughAsync(long quantity)
    {
        _runs++;
        State.Quantity += quantity;
        await SaveAsync(WriteStrategy.Through);
        return State.Quantity;
    }

    public async Task<long> AddTwiceAsync(long quantity)
    {
        await AddAsync(quantity);
        await Task.Yield();
        return await AddAsync(quantity);
    }

    public async Task<long> AddAndFailAsync(long quantity)
    {
        await AddAsync(quantity);
        throw new InvalidOperationException("It fails after its save.");
    }

    public Task<int> LookAsync() => Task.FromResult(++_runs);

    public async Task<bool> TakeAsync(long quantity) => State.Quantity >= quantity
        ? await AddAsync(-quantity) >= 0
        : throw new InvalidOperationException("There are not as many.");

    public Task RemoveAsync() => DeleteAsync();

    public async Task<long> AddAndPassOnAsync(string other, long quantity)
    {
        var added = await AddAsync(quantity);
        var next = GrainFactory.GetGrain<IOnceGrain>(other);
        await next.AddAsync(quantity);
        await next.AddAsync(quantity);
        return added;
    }

    public async Task AddNowAndLaterAsync(long quantity)
    {
        await AddAsync(quantity);
        _ = LaterAsync();

        async Task LaterAsync()
        {
            await _continue.Task;
            await AddAsync(quantity);
        }
    }

    public Task ContinueAsync()
    {
        _continue.TrySetResult();
        return Task.CompletedTask;
    }

    public async Task AddAndReloadAsync(long quantity)
    {
        await AddAsync(quantity);
        await ReloadAsync();
    }

    public Task<(int Runs, long Quantity, long Version)> InfoAsync() => Task.FromResult((_runs, State.Quantity, Version));

    public Task DeactivateAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

[Reentrant]
public sealed class SharedOnceGrain : WriteBehindGrain<Stock>, ISharedOnceGrain
{
    private readonly TaskCompletionSource _continue = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _runs;

    public async Task<long> AddAsync(long quantity)
    {
        _runs++;
        State.Quantity += quantity;
        var mine = State.Quantity;
        await SaveAsync();
        return mine;
    }

    public async Task<long> AddAndWaitAsync(long quantity)
    {
        var mine = await AddAsync(quantity);
        await _continue.Task;
        return mine;
    }

    public async Task<long> AddWaitAndFailAsync(long quantity)
    {
        await AddAndWaitAsync(quantity);
        throw new InvalidOperationException("It fails after its save.");
    }

    public Task<int> RunsAsync() => Task.FromResult(_runs);

    public Task<long> GetAsync() => Task.FromResult(State.Quantity);

    public Task ContinueAsync()
    {
        _continue.TrySetResult();
        return Task.CompletedTask;
    }
}

public sealed class BetweenGrain : Grain, IBetweenGrain
{
    public Task<long> AddAsync(string once, long quantity) => GrainFactory.GetGrain<IOnceGrain>(once).AddAsync(quantity);
}
