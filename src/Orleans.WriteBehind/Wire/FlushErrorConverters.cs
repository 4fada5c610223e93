using WriteBehind;

namespace Orleans.WriteBehind.Wire;

/// <summary>Takes a <see cref="EntityRejectedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class EntityRejectedConverter : IConverter<EntityRejectedException, EntityRejectedConverter.Surrogate>
{
    public EntityRejectedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new EntityRejectedException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Reason, surrogate.Origin.Cause, surrogate.Version));

    public Surrogate ConvertToSurrogate(in EntityRejectedException value)
        => new() { Origin = ErrorOrigin.Of(value), Reason = value.Reason, Version = value.Version };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Reason;

        [Id(2)]
        public long Version;
    }
}

/// <summary>Takes a <see cref="FlushIncompleteException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class FlushIncompleteConverter : IConverter<FlushIncompleteException, FlushIncompleteConverter.Surrogate>
{
    public FlushIncompleteException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new FlushIncompleteException(
                surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Waited, surrogate.Reason, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in FlushIncompleteException value)
        => new() { Origin = ErrorOrigin.Of(value), Waited = value.Waited, Reason = value.Reason };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public TimeSpan Waited;

        [Id(2)]
        public string Reason;
    }
}

/// <summary>Takes a <see cref="FlushPausedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class FlushPausedConverter : IConverter<FlushPausedException, FlushPausedConverter.Surrogate>
{
    public FlushPausedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new FlushPausedException(
            surrogate.Origin.EntityId!, new FlushPause(surrogate.Origin.EntityType!, surrogate.Since, surrogate.Until, surrogate.By)));

    public Surrogate ConvertToSurrogate(in FlushPausedException value)
        => new() { Origin = ErrorOrigin.Of(value), Since = value.Pause.Since, Until = value.Pause.Until, By = value.Pause.By };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public DateTimeOffset Since;

        [Id(2)]
        public DateTimeOffset Until;

        [Id(3)]
        public string By;
    }
}

/// <summary>Takes a <see cref="WriteThroughException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class WriteThroughConverter : IConverter<WriteThroughException, WriteThroughConverter.Surrogate>
{
    public WriteThroughException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new WriteThroughException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Version, (WriteBehindException)surrogate.Origin.Cause!));

    public Surrogate ConvertToSurrogate(in WriteThroughException value)
        => new() { Origin = ErrorOrigin.Of(value), Version = value.Version };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long Version;
    }
}
