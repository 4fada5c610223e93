namespace Silo.Http;

/// <summary>How many views.</summary>
internal sealed record ViewsBody(long Count = 1);
