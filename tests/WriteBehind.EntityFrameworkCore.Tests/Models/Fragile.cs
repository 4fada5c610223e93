namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class Fragile
{
    public int Id { get; set; }

    public string Label { get; set; } = "";
}
