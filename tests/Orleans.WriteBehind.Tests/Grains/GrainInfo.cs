namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>What a grain knows of itself.</summary>
[GenerateSerializer]
public sealed record GrainInfo(
    [property: Id(0)] long Version,
    [property: Id(1)] bool IsDirty,
    [property: Id(2)] bool Exists,
    [property: Id(3)] string Silo,
    [property: Id(4)] Guid Activation,
    [property: Id(5)] bool HasTimer);
