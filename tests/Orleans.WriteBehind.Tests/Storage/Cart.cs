namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain state that no table is made for; with a field, as Orleans' own examples have.</summary>
[GenerateSerializer]
public sealed record Cart
{
    [Id(0)]
    public string? Owner { get; set; }

    [Id(1)]
    public int Items { get; set; }

    [Id(2)]
#pragma warning disable CA1051 // A field, as grain states often have.
    public long Total;
#pragma warning restore CA1051
}
