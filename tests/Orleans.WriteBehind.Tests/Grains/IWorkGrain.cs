namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain that shows whether a call was begun.</summary>
public interface IWorkGrain : IGrainWithStringKey
{
    Task<long> WorkAsync();

    /// <summary>How many calls were begun.</summary>
    Task<int> DoneAsync();
}
