namespace WriteBehind.Tests.Caching;

/// <summary>The value most cache tests use.</summary>
internal sealed record Page(long Number);
