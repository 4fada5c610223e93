using System.Runtime.ExceptionServices;
using WriteBehind;

namespace Orleans.WriteBehind.Wire;

/// <summary>What every error takes over the wire beside its own data.</summary>
[GenerateSerializer]
internal struct ErrorOrigin
{
    /// <summary>The registered type of the entity.</summary>
    [Id(0)]
    public string? EntityType;

    /// <summary>The entity's id.</summary>
    [Id(1)]
    public string? EntityId;

    /// <summary>The cause, as far as the other side can know its type.</summary>
    [Id(2)]
    public Exception? Cause;

    /// <summary>Where it was thrown.</summary>
    [Id(3)]
    public string? StackTrace;

    public static ErrorOrigin Of(WriteBehindException error) => new()
    {
        EntityType = error.EntityType,
        EntityId = error.EntityId,
        Cause = Portable(error.InnerException),
        StackTrace = error.StackTrace,
    };

    /// <summary>Gives an error the stack trace it had where it came from.</summary>
    public readonly T Restore<T>(T error)
        where T : WriteBehindException
    {
        if (StackTrace is not null)
        {
            ExceptionDispatchInfo.SetRemoteStackTrace(error, StackTrace);
        }

        return error;
    }

    // Errors of these two libraries have converters (a test looks); of others nobody knows.
    private static Exception? Portable(Exception? cause) => cause switch
    {
        null or RemoteCauseException => cause,
        WriteBehindException when cause.GetType().Assembly is var assembly
            && (assembly == typeof(WriteBehindException).Assembly || assembly == typeof(ErrorOrigin).Assembly) => cause,
        _ => new RemoteCauseException(cause.GetType().FullName ?? cause.GetType().Name, cause.Message, Portable(cause.InnerException)),
    };
}

/// <summary>Takes a <see cref="StateDiscardedException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class StateDiscardedConverter : IConverter<StateDiscardedException, StateDiscardedConverter.Surrogate>
{
    public StateDiscardedException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(
            new StateDiscardedException(
                surrogate.Origin.EntityType!, surrogate.Origin.EntityId!, surrogate.Origin.Cause, surrogate.ChangesSaved));

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
