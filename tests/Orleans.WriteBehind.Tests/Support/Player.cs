namespace Orleans.WriteBehind.Tests.Support;

/// <summary>The state of a grain with a Guid key.</summary>
public sealed class Player
{
    public string Name { get; set; } = string.Empty;
}
