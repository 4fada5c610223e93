namespace Embedded.Profiles;

/// <summary>What a customer may change.</summary>
internal sealed record ProfileChange(string Name, string City);
