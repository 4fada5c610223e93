namespace Silo.Data;

/// <summary>The state of a page: how often it was seen.</summary>
public sealed record PageViews(long Count);
