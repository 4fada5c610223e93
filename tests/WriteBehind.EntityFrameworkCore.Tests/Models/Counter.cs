namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A text key with a length, and a soft-delete filter.</summary>
internal sealed class Counter
{
    public string Name { get; set; } = "";

    public long Value { get; set; }

    public bool Hidden { get; set; }
}
