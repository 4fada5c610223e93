namespace Orleans.WriteBehind;

/// <summary>
/// On a grain class: the registered entity type its state belongs to. Needed where more than one type has this state type.
/// Grain classes that share an entity type share its entities: two grains with the same key are then two owners of one entity.
/// </summary>
/// <param name="entityType">The name given to <c>AddEntity</c>.</param>
[AttributeUsage(AttributeTargets.Class)]
public sealed class WriteBehindAttribute(string entityType) : Attribute
{
    /// <summary>The registered name of the entity type.</summary>
    public string EntityType { get; } = entityType;
}
