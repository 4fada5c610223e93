using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Orleans.WriteBehind.Wire;

/// <summary>Takes a <see cref="BufferFullException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class BufferFullConverter : IConverter<BufferFullException, BufferFullConverter.Surrogate>
{
    public BufferFullException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new BufferFullException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.MaxDirty));

    public Surrogate ConvertToSurrogate(in BufferFullException value)
        => new() { Origin = ErrorOrigin.Of(value), MaxDirty = value.MaxDirty };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long MaxDirty;
    }
}

/// <summary>Takes a <see cref="BufferUnavailableException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class BufferUnavailableConverter : IConverter<BufferUnavailableException, BufferUnavailableConverter.Surrogate>
{
    public BufferUnavailableException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new BufferUnavailableException(
                surrogate.Message, surrogate.OutcomeUnknown, surrogate.Origin.EntityType, surrogate.Origin.EntityId,
                surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in BufferUnavailableException value)
        => new() { Origin = ErrorOrigin.Of(value), Message = value.Message, OutcomeUnknown = value.OutcomeUnknown };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Message;

        [Id(2)]
        public bool OutcomeUnknown;
    }
}

/// <summary>Takes a <see cref="CacheLoadException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class CacheLoadConverter : IConverter<CacheLoadException, CacheLoadConverter.Surrogate>
{
    public CacheLoadException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new CacheLoadException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Origin.Cause!));

    public Surrogate ConvertToSurrogate(in CacheLoadException value) => new() { Origin = ErrorOrigin.Of(value) };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;
    }
}

/// <summary>Takes a <see cref="ConfigurationException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class ConfigurationConverter : IConverter<ConfigurationException, ConfigurationConverter.Surrogate>
{
    public ConfigurationException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new ConfigurationException(surrogate.Setting, surrogate.Message, surrogate.Origin.EntityType, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in ConfigurationException value)
        => new() { Origin = ErrorOrigin.Of(value), Setting = value.Setting, Message = value.Message };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Setting;

        [Id(2)]
        public string Message;
    }
}

/// <summary>Takes a <see cref="UnexpectedKeyException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class UnexpectedKeyConverter : IConverter<UnexpectedKeyException, UnexpectedKeyConverter.Surrogate>
{
    public UnexpectedKeyException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new UnexpectedKeyException(
            surrogate.Key, surrogate.Problem, surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in UnexpectedKeyException value)
        => new() { Origin = ErrorOrigin.Of(value), Key = value.Key, Problem = value.Problem };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Key;

        [Id(2)]
        public string Problem;
    }
}

/// <summary>Takes a <see cref="InvalidEntityIdException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class InvalidEntityIdConverter : IConverter<InvalidEntityIdException, InvalidEntityIdConverter.Surrogate>
{
    public InvalidEntityIdException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new InvalidEntityIdException(
                surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Reason, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in InvalidEntityIdException value)
        => new() { Origin = ErrorOrigin.Of(value), Reason = value.Reason };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Reason;
    }
}

/// <summary>Takes a <see cref="PayloadException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class PayloadConverter : IConverter<PayloadException, PayloadConverter.Surrogate>
{
    public PayloadException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new PayloadException(
                surrogate.Problem, surrogate.Message, surrogate.Origin.EntityType!, surrogate.Origin.EntityId, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in PayloadException value)
        => new() { Origin = ErrorOrigin.Of(value), Problem = value.Problem, Message = value.Message };

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

/// <summary>Takes a <see cref="RateLimitedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class RateLimitedConverter : IConverter<RateLimitedException, RateLimitedConverter.Surrogate>
{
    public RateLimitedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new RateLimitedException(surrogate.Limit, surrogate.CallerKey, surrogate.RetryAfter));

    public Surrogate ConvertToSurrogate(in RateLimitedException value)
        => new() { Origin = ErrorOrigin.Of(value), Limit = value.Limit, CallerKey = value.CallerKey, RetryAfter = value.RetryAfter };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Limit;

        [Id(2)]
        public string CallerKey;

        [Id(3)]
        public TimeSpan? RetryAfter;
    }
}

/// <summary>Takes a <see cref="SinkException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class SinkConverter : IConverter<SinkException, SinkConverter.Surrogate>
{
    public SinkException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new SinkException(
                surrogate.Failure, surrogate.Message, surrogate.Code, surrogate.Origin.EntityType, surrogate.Origin.EntityId,
                surrogate.Origin.Cause, surrogate.OutcomeUnknown));

    public Surrogate ConvertToSurrogate(in SinkException value)
        => new()
        {
            Origin = ErrorOrigin.Of(value),
            Failure = value.Failure,
            Message = value.Message,
            Code = value.Code,
            OutcomeUnknown = value.OutcomeUnknown,
        };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public SinkFailure Failure;

        [Id(2)]
        public string Message;

        [Id(3)]
        public string? Code;

        [Id(4)]
        public bool OutcomeUnknown;
    }
}

/// <summary>Takes a <see cref="StaleRowException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class StaleRowConverter : IConverter<StaleRowException, StaleRowConverter.Surrogate>
{
    public StaleRowException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new StaleRowException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.SettledVersion, surrogate.StoredVersion));

    public Surrogate ConvertToSurrogate(in StaleRowException value)
        => new() { Origin = ErrorOrigin.Of(value), SettledVersion = value.SettledVersion, StoredVersion = value.StoredVersion };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long SettledVersion;

        [Id(2)]
        public long? StoredVersion;
    }
}

/// <summary>Takes a <see cref="StateLostException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class StateLostConverter : IConverter<StateLostException, StateLostConverter.Surrogate>
{
    public StateLostException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new StateLostException(surrogate.Origin.EntityType!, surrogate.Origin.EntityId!));

    public Surrogate ConvertToSurrogate(in StateLostException value) => new() { Origin = ErrorOrigin.Of(value) };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;
    }
}

/// <summary>Takes a <see cref="UnknownEntityTypeException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class UnknownEntityTypeConverter : IConverter<UnknownEntityTypeException, UnknownEntityTypeConverter.Surrogate>
{
    public UnknownEntityTypeException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new UnknownEntityTypeException(surrogate.Origin.EntityType!, surrogate.Known));

    public Surrogate ConvertToSurrogate(in UnknownEntityTypeException value)
        => new() { Origin = ErrorOrigin.Of(value), Known = [.. value.Known] };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string[] Known;
    }
}

/// <summary>Takes a <see cref="WriteConflictException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class WriteConflictConverter : IConverter<WriteConflictException, WriteConflictConverter.Surrogate>
{
    public WriteConflictException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new WriteConflictException(
            surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.ExpectedVersion, surrogate.CurrentVersion));

    public Surrogate ConvertToSurrogate(in WriteConflictException value)
        => new() { Origin = ErrorOrigin.Of(value), ExpectedVersion = value.ExpectedVersion, CurrentVersion = value.CurrentVersion };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public long ExpectedVersion;

        [Id(2)]
        public long CurrentVersion;
    }
}
