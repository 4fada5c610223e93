namespace Embedded.Profiles;

/// <summary>A customer: read all the time, written now and then, and never to be lost: the opposite of stock.</summary>
public sealed record Profile(string Id, string Name, string City);
