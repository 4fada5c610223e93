using System.Text.Json.Serialization;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>The root of a hierarchy in one table.</summary>
[JsonDerivedType(typeof(Shape), "shape")]
[JsonDerivedType(typeof(Circle), "circle")]
internal class Shape
{
    public Guid Id { get; set; }

    public string Name { get; set; } = "";

    public Box Box { get; set; } = new();
}
