namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class Circle : Shape
{
    public double Radius { get; set; }
}
