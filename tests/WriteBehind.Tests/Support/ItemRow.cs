namespace WriteBehind.Tests.Support;

/// <summary>A row as PostgreSQL has it.</summary>
public sealed record ItemRow(string Id, long Version, long Quantity, string? Note);
