namespace WriteBehind.Tests.Caching;

/// <summary>A loader that counts its calls; each gives the number of the call, unless told otherwise.</summary>
internal sealed class Loader
{
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Runs in each call, with its number; gives the value.</summary>
    public Func<int, Task<Page?>> OnCall { get; set; } = static call => Task.FromResult<Page?>(new Page(call));

    public Task<Page?> LoadAsync(CancellationToken cancellationToken) => OnCall(Interlocked.Increment(ref _calls));
}
