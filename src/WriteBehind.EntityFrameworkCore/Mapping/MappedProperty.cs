using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Mapping;

/// <summary>A property that a flush writes.</summary>
/// <param name="Property">The property.</param>
/// <param name="Column">Its column; null where it is in another table than the entity's main one.</param>
/// <param name="Wire">How it travels in arrays; null where it can't.</param>
/// <param name="InsertOnly">Written with the first flush only, as its after-save behaviour says.</param>
internal sealed record MappedProperty(IProperty Property, string? Column, WireType? Wire, bool InsertOnly);
