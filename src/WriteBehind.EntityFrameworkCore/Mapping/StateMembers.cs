using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore.Metadata;

namespace WriteBehind.EntityFrameworkCore.Mapping;

/// <summary>What a serializer would make of a state's members.</summary>
internal static class StateMembers
{
    /// <summary>Whether the member is part of the serialised state: a public property that no attribute excludes.</summary>
    public static bool IsSerialised(INavigationBase navigation)
        => navigation.PropertyInfo is { GetMethod.IsPublic: true } property
            && property.GetCustomAttribute<JsonIgnoreAttribute>() is not { Condition: JsonIgnoreCondition.Always };
}
