namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain whose changes come from a timer and from a stream, and not from calls.</summary>
public interface IMeterGrain : IGrainWithStringKey
{
    /// <summary>Has a timer add one again and again.</summary>
    Task StartTimerAsync();

    /// <summary>Sends another such grain something to add, over its stream.</summary>
    Task SendAsync(string to, long quantity);
}
