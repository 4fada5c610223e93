using System.Buffers;
using System.Collections;
using Orleans.Serialization;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Orleans.WriteBehind.Wire;

/// <summary>
/// Writes an error as Orleans' own <see cref="ExceptionCodec"/> does, which then reads it: there the type is a text, so that a process that
/// does not have it reads an <see cref="UnavailableExceptionFallbackException"/> with message, data and stack trace. A codec or a converter
/// of the type itself would put the type before the content, and nobody can read past a type that is not there. Nor past the name of an
/// assembly that is not there, so it is the type's name alone: where the assembly is, Orleans has loaded it, as it has these codecs.
/// </summary>
/// <remarks>
/// What the error knows is in its data (<see cref="ErrorFacts"/>). Others may put there what can't travel, so only what surely can is taken
/// along, and a cause whose type nobody need know on the other side becomes a <see cref="RemoteCauseException"/>.
/// </remarks>
internal abstract class ErrorCodec<TError>(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : IFieldCodec<TError>, IDeepCopier<TError>
    where TError : Exception
{
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, TError? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        // The fields of ExceptionCodec.SerializeException.
        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteStartObject(fieldIdDelta, expectedType, typeof(ExceptionCodec));
        StringCodec.WriteField(ref writer, 0, value.GetType().FullName);
        StringCodec.WriteField(ref writer, 1, value.Message);
        StringCodec.WriteField(ref writer, 1, value.StackTrace);
        exceptions.WriteField(ref writer, 1, typeof(Exception), Portable(value.InnerException)!);
        Int32Codec.WriteField(ref writer, 1, value.HResult);
        facts.WriteField(ref writer, 1, typeof(Dictionary<object, object?>), FactsOf(value));
        writer.WriteEndObject();
    }

    public TError ReadValue<TInput>(ref Reader<TInput> reader, Field field) => (TError)exceptions.ReadValue(ref reader, field)!;

    /// <summary>An error does not change once it is thrown.</summary>
    public TError DeepCopy(TError input, CopyContext context) => input;

    // Errors of these two libraries have a codec (a test looks); of others nobody knows.
    private static Exception? Portable(Exception? cause) => cause switch
    {
        null or RemoteCauseException => cause,
        WriteBehindException when cause.GetType().Assembly is var assembly
            && (assembly == typeof(WriteBehindException).Assembly || assembly == typeof(RemoteCauseException).Assembly) => cause,
        _ => new RemoteCauseException(cause.GetType().FullName ?? cause.GetType().Name, cause.Message, cause.InnerException),
    };

    private static Dictionary<object, object?> FactsOf(Exception error)
    {
        var facts = new Dictionary<object, object?>();
        foreach (DictionaryEntry entry in error.Data)
        {
            if (entry.Key is string && entry.Value is string or long or int or bool or TimeSpan or DateTimeOffset or string[])
            {
                facts[entry.Key] = entry.Value;
            }
        }

        return facts;
    }
}

[RegisterSerializer]
[RegisterCopier]
internal sealed class BufferFullCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<BufferFullException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class BufferUnavailableCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<BufferUnavailableException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class CacheLoadCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<CacheLoadException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class ConfigurationCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<ConfigurationException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class EntityRejectedCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<EntityRejectedException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class FlushIncompleteCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<FlushIncompleteException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class FlushPausedCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<FlushPausedException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class InvalidEntityIdCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<InvalidEntityIdException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class InvalidOperationIdCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<InvalidOperationIdException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class OperationForgottenCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<OperationForgottenException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class OperationMismatchCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<OperationMismatchException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class OperationResultCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<OperationResultException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class PayloadCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<PayloadException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class RateLimitedCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<RateLimitedException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class RemoteCauseCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<RemoteCauseException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class SinkCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<SinkException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class StaleRowCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<StaleRowException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class StateDiscardedCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<StateDiscardedException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class StateLostCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<StateLostException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class UnexpectedKeyCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<UnexpectedKeyException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class UnknownEntityTypeCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<UnknownEntityTypeException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class WriteConflictCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<WriteConflictException>(exceptions, facts);

[RegisterSerializer]
[RegisterCopier]
internal sealed class WriteThroughCodec(ExceptionCodec exceptions, IFieldCodec<Dictionary<object, object?>> facts)
    : ErrorCodec<WriteThroughException>(exceptions, facts);
