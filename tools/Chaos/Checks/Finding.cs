namespace Chaos.Checks;

/// <summary>Something that should not have happened.</summary>
/// <param name="Check">Which promise is broken.</param>
/// <param name="Key">The entity, process or server that it was seen at.</param>
/// <param name="What">What was seen.</param>
internal sealed record Finding(string Check, string Key, string What);
