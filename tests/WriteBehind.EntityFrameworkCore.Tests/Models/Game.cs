namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>Mapped nowhere.</summary>
public sealed record Game(string Title, int Score, string[] Players);
