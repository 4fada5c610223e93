namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A hot grain: reentrant, its state replaced and not altered.</summary>
public interface IViewsGrain : IGrainWithIntegerKey
{
    Task<long> AddAsync(long count);

    Task<long> GetAsync();

    /// <summary>Throws where there are more.</summary>
    Task MustBeAtMostAsync(long count);

    /// <summary>Adds, saves, waits for <see cref="ContinueAsync"/>, and answers with what is there then.</summary>
    Task<long> AddWaitAndLookAsync(long count);

    /// <summary>The count, again and again.</summary>
    IAsyncEnumerable<long> CountsAsync();

    /// <summary>The count, and once more after <see cref="ContinueAsync"/>.</summary>
    IAsyncEnumerable<long> CountsBeforeAndAfterAsync();

    /// <summary>Changes the state, waits for <see cref="ContinueAsync"/>, changes it again and saves.</summary>
    Task AddInTwoStepsAsync(long count);

    [ShowsUnacknowledged]
    Task ContinueAsync();

    [ShowsUnacknowledged]
    Task<long> PeekAsync();

    /// <summary>How many calls wait in <see cref="AddInTwoStepsAsync"/>.</summary>
    [ShowsUnacknowledged]
    Task<int> WaitingAsync();
}
