namespace WriteBehind.Tests.BadInput;

/// <summary>A state that can hold what JSON can't.</summary>
public sealed class Node
{
    public double Value { get; set; }

    public string Text { get; set; } = "";

    public Node? Next { get; set; }
}
