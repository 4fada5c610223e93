using WriteBehind;

namespace Orleans.WriteBehind.Wire;

/// <summary>Takes an <see cref="InvalidOperationIdException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class InvalidOperationIdConverter : IConverter<InvalidOperationIdException, InvalidOperationIdConverter.Surrogate>
{
    public InvalidOperationIdException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new InvalidOperationIdException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Operation, surrogate.Reason));

    public Surrogate ConvertToSurrogate(in InvalidOperationIdException value)
        => new() { Origin = ErrorOrigin.Of(value), Operation = value.Operation, Reason = value.Reason };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string? Operation;

        [Id(2)]
        public string Reason;
    }
}

/// <summary>Takes an <see cref="OperationForgottenException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class OperationForgottenConverter : IConverter<OperationForgottenException, OperationForgottenConverter.Surrogate>
{
    public OperationForgottenException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new OperationForgottenException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Operation, surrogate.Doubt));

    public Surrogate ConvertToSurrogate(in OperationForgottenException value)
        => new() { Origin = ErrorOrigin.Of(value), Operation = value.Operation, Doubt = value.Doubt };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Operation;

        [Id(2)]
        public OperationDoubt Doubt;
    }
}

/// <summary>Takes an <see cref="OperationResultException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class OperationResultConverter : IConverter<OperationResultException, OperationResultConverter.Surrogate>
{
    public OperationResultException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new OperationResultException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Operation, surrogate.Length, surrogate.Limit));

    public Surrogate ConvertToSurrogate(in OperationResultException value)
        => new() { Origin = ErrorOrigin.Of(value), Operation = value.Operation, Length = value.Length, Limit = value.Limit };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Operation;

        [Id(2)]
        public int Length;

        [Id(3)]
        public int Limit;
    }
}

/// <summary>Takes an <see cref="OperationMismatchException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class OperationMismatchConverter : IConverter<OperationMismatchException, OperationMismatchConverter.Surrogate>
{
    public OperationMismatchException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new OperationMismatchException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Operation));

    public Surrogate ConvertToSurrogate(in OperationMismatchException value)
        => new() { Origin = ErrorOrigin.Of(value), Operation = value.Operation };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Operation;
    }
}
