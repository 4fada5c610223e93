using Orleans.WriteBehind;

namespace Silo.Contracts;

/// <summary>The views of one page; its key is the page. One page may be very hot: calls interleave and share saves.</summary>
[Alias("silo.views")]
public interface IViewsGrain : IGrainWithStringKey
{
    /// <summary>The acknowledged count; null for a page that was never seen.</summary>
    [Alias("get")]
    Task<Views?> GetAsync();

    /// <summary>The count with views that may not be acknowledged yet: for a display, where waiting for Redis is not worth it.</summary>
    [Alias("peek")]
    [ShowsUnacknowledged]
    Task<long> PeekAsync();

    /// <summary>Counts views; returns the count with them.</summary>
    /// <exception cref="InvalidAmountException">The number is not above 0, or more than can be counted.</exception>
    [Alias("add")]
    Task<long> AddAsync(long count);
}
