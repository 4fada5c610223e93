namespace WriteBehind.Status;

/// <summary>An entity's name.</summary>
/// <param name="Type">The registered name of its type.</param>
/// <param name="Id">Its id.</param>
public readonly record struct EntityRef(string Type, string Id);
