namespace Orleans.WriteBehind.Tests.Support;

/// <summary>A state that is replaced; its grain has an integer key and is reentrant.</summary>
[GenerateSerializer]
public sealed record Views(long Count)
{
    public Views()
        : this(0)
    {
    }
}
