namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class OrderLine
{
    public int Line { get; set; }

    public string Item { get; set; } = "";

    public int Quantity { get; set; }
}
