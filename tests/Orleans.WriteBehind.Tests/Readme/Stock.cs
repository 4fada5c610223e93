namespace Orleans.WriteBehind.Tests.Readme;

/// <summary>The state of the README's grain.</summary>
public sealed record Stock(long Quantity)
{
    public Stock()
        : this(0)
    {
    }
}
