using System.Buffers;
using System.Buffers.Binary;
using WriteBehind.States;

namespace WriteBehind.Buffer;

/// <summary>What can be said of a payload without knowing its state type.</summary>
internal static class PayloadCodec
{
    public const byte Magic = 0xB5;
    public const int HeaderLength = 5;

    /// <summary>The body of a payload, without its header, for showing it; the whole payload where it has none.</summary>
    public static ReadOnlyMemory<byte> BodyOf(ReadOnlyMemory<byte> payload)
        => payload.Length >= HeaderLength && payload.Span[0] == Magic ? payload[HeaderLength..] : payload;
}

/// <summary>
/// States to payloads and back. A payload is a header of five bytes and the body: <c>0xB5</c>, the layout of the header (1), the
/// body's format, and the schema version as a little-endian unsigned 16-bit number. Pinned by snapshot files: a later release must
/// read what an earlier one left in Redis.
/// </summary>
/// <param name="options">The type's settings.</param>
/// <param name="check">Says why the database could never take a state; null where it could. Asked only about states that may be
/// such.</param>
/// <param name="checkEvery">The same, asked about every state.</param>
/// <remarks>
/// A state that would not come back as it was gets no payload, so it is never acknowledged: what JSON makes of it is proved by
/// <see cref="JsonProof"/>; what another serializer makes of it is read back each time, and both have to be written the same.
/// </remarks>
internal sealed class PayloadCodec<TState>(
    EntityTypeOptions<TState> options, Func<TState, string?>? check = null, Func<TState, string?>? checkEvery = null)
    where TState : class
{
    private const byte Magic = PayloadCodec.Magic;
    private const byte Layout = 1;
    private const int HeaderLength = PayloadCodec.HeaderLength;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _writer;

    /// <summary>Why states of the type can't come back as they were; empty where nothing is known to be in the way.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            try
            {
                return Json?.Proof.Contract.Faults ?? [];
            }
            catch (Exception e) when (e is NotSupportedException or InvalidOperationException or ArgumentException)
            {
                return [$"{typeof(TState).Name}: System.Text.Json has no contract for it ({e.Message})"];
            }
        }
    }

    /// <summary>Checks, before the first state is written, that states of the type can come back as they were.</summary>
    /// <exception cref="ConfigurationException">They can't; the message says why.</exception>
    public void CheckContract()
    {
        if (Faults is [var fault, ..] faults)
        {
            throw new ConfigurationException(
                nameof(EntityTypeOptions<>.Serializer),
                $"States of '{options.Type}' would not come back as they were written. {fault}" +
                (faults.Count == 1 ? string.Empty : $" ({faults.Count - 1} more: {string.Join(" ", faults.Skip(1))})"),
                options.Type);
        }
    }

    /// <summary>The names of members in JSON, by the way to them; none where the serializer is another.</summary>
    public IReadOnlyDictionary<string, string>? Names => Json?.Proof.Contract.Names;

    private JsonStateSerializer<TState>? Json => options.Serializer as JsonStateSerializer<TState>;

    /// <exception cref="PayloadException">The state can't be serialised, would not come back as it is, or is too long.</exception>
    public byte[] Encode(string id, TState state)
    {
        var payload = Write(id, state);
        if ((Refuse(state, payload) ?? checkEvery?.Invoke(state)) is { } reason)
        {
            throw new PayloadException(
                PayloadProblem.NotSerializable,
                $"The state of {options.Type} '{id}' would not come back as it is, so nothing was written: {reason}",
                options.Type,
                id);
        }

        return payload;
    }

    private string? Refuse(TState state, byte[] payload)
    {
        var body = payload.AsSpan(HeaderLength);
        if (Json is { } json)
        {
            var reason = json.Proof.Contract.Faults is [var fault, ..]
                ? fault
                : json.Proof.IsDue(body) ? json.Proof.Refuse(state, body)
                : null;
            return reason ?? (check is not null && JsonProof.HoldsNul(body) ? check(state) : null);
        }

        return options.Serializer is IProvenSerializer ? check is not null && JsonProof.HoldsNul(body) ? check(state) : null
            : RefuseUnlike(state, body) ?? check?.Invoke(state);
    }

    /// <summary>Why the body of another serializer than JSON's does not stand for the state; null where it does.</summary>
    private string? RefuseUnlike(TState state, ReadOnlySpan<byte> body)
    {
        TState read;
        try
        {
            read = options.Serializer.Deserialize(body);
        }
#pragma warning disable CA1031 // Whatever the serializer throws, the answer is the same.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return $"{options.Serializer.GetType().Name} can't read what it wrote ({e.Message}). Way out: mend it.";
        }

        // One that encrypts writes the same state in another way each time: then there is nothing to compare.
        return body.SequenceEqual(Body(read)) || !body.SequenceEqual(Body(state))
            ? null
            : $"what {options.Serializer.GetType().Name} reads back from a {typeof(TState).Name} is written in another " +
              "way than the state was. Way out: mend it.";
    }

    private ReadOnlySpan<byte> Body(TState state)
    {
        var output = new ArrayBufferWriter<byte>();
        options.Serializer.Serialize(state, output);
        return output.WrittenSpan;
    }

    private byte[] Write(string id, TState state)
    {
        var writer = _writer ??= new ArrayBufferWriter<byte>(1024);
        writer.ResetWrittenCount();
        var header = writer.GetSpan(HeaderLength);
        (header[0], header[1], header[2]) = (Magic, Layout, options.Serializer.Format);
        BinaryPrimitives.WriteUInt16LittleEndian(header[3..], (ushort)options.SchemaVersion);
        writer.Advance(HeaderLength);
        try
        {
            options.Serializer.Serialize(state, writer);
        }
#pragma warning disable CA1031 // Whatever the serializer throws, the answer is the same: this state can't be stored.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _writer = null;
            throw new PayloadException(
                PayloadProblem.NotSerializable,
                $"The state of {options.Type} '{id}' can't be serialised, so nothing was written: {e.Message}",
                options.Type,
                id,
                e);
        }

        var length = writer.WrittenCount - HeaderLength;
        var payload = length <= options.MaxPayloadBytes ? writer.WrittenSpan.ToArray() : null;
        if (writer.Capacity > 1 << 20)
        {
            _writer = null;
        }

        return payload ?? throw new PayloadException(
            PayloadProblem.TooLarge,
            $"The state of {options.Type} '{id}' has {length} bytes, more than MaxPayloadBytes ({options.MaxPayloadBytes}) allows; " +
            "nothing was written.",
            options.Type,
            id);
    }

    /// <exception cref="PayloadException">The payload is garbage, of another format, or of a newer schema.</exception>
    public TState Decode(string id, ReadOnlyMemory<byte> payload)
    {
        var span = payload.Span;
        if (span.Length < HeaderLength || span[0] != Magic || span[1] != Layout)
        {
            throw Unreadable(id, "it does not begin with a header of this library");
        }

        if (span[2] != options.Serializer.Format)
        {
            throw Unreadable(id, $"its body has format {span[2]}, the serializer reads {options.Serializer.Format}");
        }

        int schema = BinaryPrimitives.ReadUInt16LittleEndian(span[3..]);
        if (schema > options.SchemaVersion)
        {
            throw new PayloadException(
                PayloadProblem.NewerSchema,
                $"The payload of {options.Type} '{id}' has schema version {schema}, this process knows up to {options.SchemaVersion} " +
                "(SchemaVersion): a newer release of the application wrote it and can read it.",
                options.Type,
                id);
        }

        try
        {
            var body = payload[HeaderLength..];
            if (schema == options.SchemaVersion && Json is { } json)
            {
                return json.DeserializeStrictly(body.Span);
            }

            for (; schema < options.SchemaVersion; schema++)
            {
                body = options.Upgrades.TryGetValue(schema, out var upgrade)
                    ? upgrade(body)
                    : throw new InvalidOperationException($"no upgrade from schema version {schema} is registered (Upgrades)");
            }

            return options.Serializer.Deserialize(body.Span);
        }
        catch (UnknownMemberException e)
        {
            throw new PayloadException(
                PayloadProblem.NewerSchema,
                $"The payload of {options.Type} '{id}' has what this process does not know ({e.Message}), so it is left " +
                "alone: a newer release of the application wrote it and can read it. Where this release has dropped that member, " +
                "class or name, raise SchemaVersion.",
                options.Type,
                id,
                e);
        }
#pragma warning disable CA1031 // Whatever the serializer or an upgrade throws, the answer is the same: this payload can't be read.
        catch (Exception e)
#pragma warning restore CA1031
        {
            throw Unreadable(id, e.Message, e);
        }
    }

    private PayloadException Unreadable(string id, string why, Exception? cause = null) => new(
        PayloadProblem.Unreadable, $"The payload of {options.Type} '{id}' can't be read: {why}.", options.Type, id, cause);
}

/// <summary>A serializer that passes on what was proved where it was made.</summary>
internal interface IProvenSerializer;
