namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>Array columns, which arrays of rows can't carry.</summary>
public sealed class Article
{
    public int Id { get; set; }

    public string Title { get; set; } = "";

    public string[] Tags { get; set; } = [];

    public List<int> Scores { get; set; } = [];

    /// <summary>The column's default is 5.</summary>
    public int Priority { get; set; }

    public DateTimeOffset CreatedAt { get; set; }
}
