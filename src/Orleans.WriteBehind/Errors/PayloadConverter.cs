using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="PayloadException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class PayloadConverter : IConverter<PayloadException, PayloadConverter.Surrogate>
{
    public PayloadException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new PayloadException(surrogate.Problem, surrogate.Message, surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in PayloadException value) => new() { Origin = ErrorOrigin.Of(value), Problem = value.Problem, Message = value.Message };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public PayloadProblem Problem;

        [Id(2)]
        public string Message;
    }
}
