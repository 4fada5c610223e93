using System.Text.Json.Serialization;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A state of one table, with what columns keep as it is.</summary>
internal sealed record Kept(
    int Id,
    string Text,
    string? MaybeText,
    long Large,
    decimal Amount,
    double Number,
    bool Flag,
    Guid Reference,
    DateOnly Date,
    DateTime At,
    DayOfWeek? Day,
    byte[] Bytes)
{
    public decimal Double => Amount * 2;
}

/// <summary>The same with parts, which go through SaveChanges where they are mapped.</summary>
internal sealed class KeptWhole
{
    public int Id { get; set; }

    public string Text { get; set; } = "";

    public KeptPart? Part { get; set; }

    public List<KeptPart> Parts { get; set; } = [];
}

internal sealed record KeptPart
{
    public string Name { get; set; } = "";

    public decimal? Price { get; set; }
}

/// <summary>What only a document keeps: a class by its interface, a dictionary, a tree.</summary>
internal sealed record KeptTree(
    string Name, IKeptShape? Shape, Dictionary<string, long?> Counts, IReadOnlyList<KeptTree> Children,
    HashSet<DayOfWeek> Days, TimeSpan? Length);

[JsonDerivedType(typeof(KeptRound), "round")]
[JsonDerivedType(typeof(KeptFlat), "flat")]
internal interface IKeptShape;

internal sealed record KeptRound(double Radius) : IKeptShape;

internal sealed record KeptFlat(int Id, int Height) : IKeptShape;
