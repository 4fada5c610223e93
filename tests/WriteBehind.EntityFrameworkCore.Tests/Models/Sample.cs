using System.Text.Json;

namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>One property of each kind that arrays carry.</summary>
internal sealed class Sample
{
    public Guid Id { get; set; }

    public bool Flag { get; set; }

    public byte Tiny { get; set; }

    public short Small { get; set; }

    public int Number { get; set; }

    public uint Unsigned { get; set; }

    public long Large { get; set; }

    public ulong Huge { get; set; }

    public float Single { get; set; }

    public double Double { get; set; }

    public decimal Amount { get; set; }

    public char Letter { get; set; } = ' ';

    public string Text { get; set; } = "";

    public byte[] Bytes { get; set; } = [];

    public Guid Reference { get; set; }

    public DateOnly Date { get; set; }

    public TimeOnly Time { get; set; }

    public TimeSpan Span { get; set; }

    public DateTime Utc { get; set; }

    public DateTime Local { get; set; }

    public DateTimeOffset Instant { get; set; }

    public DayOfWeek Day { get; set; }

    public DayOfWeek DayText { get; set; }

    public Uri? Link { get; set; }

    public string Json { get; set; } = "{}";

    public JsonDocument? Document { get; set; }

    public int? MaybeNumber { get; set; }

    public string? MaybeText { get; set; }

    public DayOfWeek? MaybeDay { get; set; }

    public DateTimeOffset? MaybeInstant { get; set; }

    public byte[]? MaybeBytes { get; set; }
}
