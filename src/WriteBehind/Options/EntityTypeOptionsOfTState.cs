using WriteBehind.Serialization;

namespace WriteBehind;

/// <summary>The settings of one entity type whose state is a <typeparamref name="TState"/>.</summary>
public sealed class EntityTypeOptions<TState> : EntityTypeOptions
    where TState : class
{
    internal EntityTypeOptions(string type)
        : base(type)
    {
    }

    /// <inheritdoc />
    public override Type StateType => typeof(TState);

    internal override bool HasSerializer => Serializer is not null;

    /// <summary>Turns states into bytes and back; default <see cref="JsonStateSerializer{TState}"/>.</summary>
    public IStateSerializer<TState> Serializer { get; set; } = new JsonStateSerializer<TState>();

    /// <summary>
    /// Brings the body of a payload from an older schema version to the next one: the entry at key n turns version n into n + 1.
    /// Every version below <see cref="EntityTypeOptions.SchemaVersion"/> that may still be in Redis needs one.
    /// </summary>
    public IDictionary<int, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>> Upgrades { get; } =
        new Dictionary<int, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>>();
}
