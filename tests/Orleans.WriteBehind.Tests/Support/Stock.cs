namespace Orleans.WriteBehind.Tests.Support;

/// <summary>
/// A state that is changed in place; its grain has a string key. A negative quantity breaks a check of the table: poison.
/// </summary>
public sealed class Stock
{
    public long Quantity { get; set; }

    public string? Note { get; set; }
}
