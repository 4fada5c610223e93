namespace Orleans.WriteBehind.Tests.Support;

/// <summary>The state of a grain with a compound key.</summary>
public sealed class Seat
{
    public string Guest { get; set; } = string.Empty;
}
