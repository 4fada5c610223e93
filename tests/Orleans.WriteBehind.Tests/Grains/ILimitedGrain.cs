namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain whose calls are limited.</summary>
public interface ILimitedGrain : IGrainWithStringKey
{
    [RateLimited("api")]
    Task<int> CountAsync();

    [RateLimited("api", CallerKey = "user")]
    Task<int> CountForUserAsync();

    /// <summary>Limited by the attribute on the class' method.</summary>
    Task<int> CountOnClassAsync();

    /// <summary>How many of the calls above were begun.</summary>
    Task<int> BegunAsync();
}
