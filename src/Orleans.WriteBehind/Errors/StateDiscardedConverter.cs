namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="StateDiscardedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class StateDiscardedConverter : IConverter<StateDiscardedException, StateDiscardedConverter.Surrogate>
{
    public StateDiscardedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new StateDiscardedException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Origin.Cause, surrogate.ChangesSaved));

    public Surrogate ConvertToSurrogate(in StateDiscardedException value)
        => new() { Origin = ErrorOrigin.Of(value), ChangesSaved = value.ChangesSaved };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public bool ChangesSaved;
    }
}
