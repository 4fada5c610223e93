namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A complex type.</summary>
internal sealed class Box
{
    public int Width { get; set; }

    public int Height { get; set; }
}
