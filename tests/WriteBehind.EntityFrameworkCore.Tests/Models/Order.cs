namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>Owns things in the same table, in a table of their own, and as JSON.</summary>
internal sealed class Order
{
    public string Id { get; set; } = "";

    public string Customer { get; set; } = "";

    public Address? Address { get; set; }

    public List<OrderLine> Lines { get; set; } = [];

    public OrderNotes? Notes { get; set; }
}
