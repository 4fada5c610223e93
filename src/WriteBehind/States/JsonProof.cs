using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace WriteBehind.States;

/// <summary>
/// Reads back what was written as JSON and compares it. Where the contract leaves no doubt, the first few states are all it looks at; where
/// it does, each of them. And always those whose JSON shows a character that text may not hold.
/// </summary>
internal sealed class JsonProof(StrictJson json, Type type)
{
    /// <summary>How many states of a type without doubts are read back: its contract is proof, and these prove the contract.</summary>
    private const int First = 8;

    // What begins an escape, and the first byte of U+FFFD in UTF-8: most states have neither.
    private static readonly SearchValues<byte> Suspects = SearchValues.Create([(byte)'\\', 0xEF]);

    private int _seen;
    private volatile bool _hasFailed;

    public JsonContract Contract { get; } = json.ContractOf(type);

    /// <summary>
    /// Whether objects refer to others by number, which needs members in the order in which they were written; jsonb keeps none.
    /// </summary>
    public bool NeedsOrder => json.Options.ReferenceHandler == ReferenceHandler.Preserve;

    /// <summary>What the same settings make of another type: that of a part of the state, say.</summary>
    public JsonContract ContractOf(Type other) => json.ContractOf(other);

    /// <summary>Whether the JSON has to be read back before the state is acknowledged.</summary>
    public bool IsDue(ReadOnlySpan<byte> body)
        => StrictJson.TakeSuspicion() | Contract.Doubts.Count > 0 || _hasFailed
            || (_seen < First && Interlocked.Increment(ref _seen) <= First) || MayHoldHalfACharacter(body);

    /// <summary>Why the state does not come back as it is; null where it does.</summary>
    public string? Refuse(object state, ReadOnlySpan<byte> body)
    {
        var difference = Difference(state, body);

        // A contract that proved wrong once proves nothing.
        _hasFailed |= difference is not null;
        return difference;
    }

    private string? Difference(object state, ReadOnlySpan<byte> body)
    {
        try
        {
            // The contract says what members are; the fields say what it overlooks.
            var read = JsonSerializer.Deserialize(body, json.Options.GetTypeInfo(type));
            return new StateComparer(json.Options).Difference(state, read, type, type.Name)
                ?? new GraphComparer().Difference(state, read, type.Name);
        }
        catch (Exception e)
            when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException or FormatException)
        {
            return $"what was written can't be read: {e.Message}";
        }
    }

    /// <summary>Whether a text in JSON holds the character U+0000, which PostgreSQL has no place for.</summary>
    public static bool HoldsNul(ReadOnlySpan<byte> body)
    {
        for (var at = body.IndexOf("\\u0000"u8); at >= 0; at = Next(body, at, "\\u0000"u8))
        {
            var slashes = 0;
            while (at - slashes > 0 && body[at - slashes - 1] == (byte)'\\')
            {
                slashes++;
            }

            if (slashes % 2 == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static int Next(ReadOnlySpan<byte> body, int at, ReadOnlySpan<byte> wanted)
        => body[(at + 1)..].IndexOf(wanted) is var found and >= 0 ? at + 1 + found : -1;

    /// <summary>Half a surrogate pair is written as U+FFFD, and comes back as that.</summary>
    private static bool MayHoldHalfACharacter(ReadOnlySpan<byte> body)
        => body.IndexOfAny(Suspects) is var at and >= 0
            && (body[at..].IndexOf("\\uFFFD"u8) >= 0 || body[at..].IndexOf("\\ufffd"u8) >= 0 || body[at..].IndexOf("\uFFFD"u8) >= 0);
}

/// <summary>What a serializer's settings make of a state type, as far as it can be told before there is a state.</summary>
/// <param name="Faults">
/// Why states of the type can't come back as they were, each with type, member and way out; empty where nothing is known to be in the way.
/// </param>
/// <param name="Doubts">
/// What only a state itself can show: converters of the application, private fields, collections of its own. Where there are none, what was
/// read back a few times comes back always.
/// </param>
/// <param name="Names">The names in JSON of all members, by the way to them from the state.</param>
/// <param name="Members">The members of the type itself that are written and read.</param>
/// <param name="Stored">Those of them that hold something, and don't only pass on what others hold.</param>
internal sealed record JsonContract(
    IReadOnlyList<string> Faults,
    IReadOnlyList<string> Doubts,
    IReadOnlyDictionary<string, string> Names,
    IReadOnlySet<string> Members,
    IReadOnlySet<string> Stored);

/// <summary>
/// Whether code of the application stands between a member and what holds it. What such code does to one value it need not do to another,
/// so no number of states that came back proves that the next one will.
/// </summary>
internal static class MemberCode
{
    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(static field => (OpCode)field.GetValue(null)!).ToDictionary(static code => code.Value);

    /// <summary>Whether a property is no more than what the compiler makes of <c>get; set;</c>.</summary>
    public static bool IsPlain(MemberInfo? member)
        => member is not PropertyInfo property || (IsPlain(property.GetMethod) && IsPlain(property.SetMethod));

    /// <summary>Whether all values of an enum come back as themselves; of another type there is nothing to ask.</summary>
    public static bool TellsApart(JsonConverter converter, Type type, JsonSerializerOptions options)
    {
        if ((Nullable.GetUnderlyingType(type) ?? type) is not { IsEnum: true } values)
        {
            return true;
        }

        var own = new JsonSerializerOptions(options) { Converters = { converter } };
        return Enum.GetValues(values).Cast<object>().All(
            value => value.Equals(JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(value, type, own), type, own)));
    }

    /// <summary>
    /// Whether a member is filled when it is read (<see cref="JsonObjectCreationHandling.Populate"/>), and a new object may have something
    /// in it already: a set or dictionary that had it taken out would come back with it.
    /// </summary>
    public static bool IsFilledAlready(JsonTypeInfo info, JsonPropertyInfo property)
    {
        var handling = property.ObjectCreationHandling ?? info.PreferredPropertyObjectCreationHandling
            ?? info.Options.PreferredObjectCreationHandling;
        if (handling != JsonObjectCreationHandling.Populate || !property.PropertyType.IsAssignableTo(typeof(IEnumerable)))
        {
            return false;
        }

        try
        {
            return info.CreateObject is not { } create || (property.Get!(create()) is IEnumerable made && made.Cast<object?>().Any());
        }
#pragma warning disable CA1031 // The application's constructor may throw. Then there is nothing to say.
        catch (Exception)
#pragma warning restore CA1031
        {
            return true;
        }
    }

    /// <summary>
    /// Whether a constructor stores a parameter in a member as it is and does nothing else with either, as the one that the compiler
    /// makes for a record.
    /// </summary>
    public static bool Keeps(ConstructorInfo constructor, int parameter, MemberInfo? member)
    {
        if (member is null || constructor.GetMethodBody()?.GetILAsByteArray() is not { } code)
        {
            return false;
        }

        var steps = Read(code).ToList();
        if (steps.FindAll(step => Uses(step, parameter)) is not [var only] || !IsLoad(only.Code))
        {
            return false;
        }

        var (load, isKept) = (steps.IndexOf(only), false);
        for (var i = 0; i < steps.Count; i++)
        {
            if (steps[i].Code.OperandType is not (OperandType.InlineMethod or OperandType.InlineField)
                || Target(constructor, steps[i].Operand) is not { DeclaringType: { } owner } target
                || !owner.IsAssignableFrom(constructor.DeclaringType))
            {
                continue;
            }

            if (target is ConstructorInfo other && steps[i].Code.Name == "call")
            {
                // Handed on to the base's, or to another one of the same class.
                var first = i - other.GetParameters().Length;
                isKept |= load >= first && load < i && steps[first..i].TrueForAll(static step => IsPush(step.Code))
                    && Keeps(other, load - first + 1, member);
            }
            else if (steps[i].Code.Name is "stfld" or "call" or "callvirt" && MemberOf(target) == member.Name)
            {
                if (i != load + 1 || steps[load - 1].Code.Name != "ldarg.0" || (target is MethodInfo setter && !IsPlain(setter)))
                {
                    return false;
                }

                isKept = true;
            }
            else if (target is MethodInfo { IsStatic: false } method && !IsPlain(method))
            {
                return false;
            }
        }

        return isKept;
    }

    private static bool IsPlain(MethodInfo? accessor)
        => accessor is null || accessor.IsAbstract || accessor.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false);

    private static MemberInfo? Target(ConstructorInfo constructor, int token) => constructor.Module.ResolveMember(
        token, constructor.DeclaringType!.IsGenericType ? constructor.DeclaringType.GetGenericArguments() : null, null);

    private static string? MemberOf(MemberInfo target) => target switch
    {
        FieldInfo field => JsonContractReader.NameOf(field),
        MethodInfo { IsSpecialName: true } method when method.Name.StartsWith("set_", StringComparison.Ordinal) => method.Name[4..],
        _ => null,
    };

    private static bool IsLoad(OpCode code)
        => code.Name is "ldarg.0" or "ldarg.1" or "ldarg.2" or "ldarg.3" or "ldarg.s" or "ldarg";

    /// <summary>What puts one value on the stack and takes none from there: an argument, a constant.</summary>
    private static bool IsPush(OpCode code)
        => code.StackBehaviourPop == StackBehaviour.Pop0
            && code.StackBehaviourPush is not (StackBehaviour.Push0 or StackBehaviour.Push1_push1);

    private static bool Uses((OpCode Code, int Operand) step, int parameter) => step.Code.Name switch
    {
        "ldarg.1" => parameter == 1,
        "ldarg.2" => parameter == 2,
        "ldarg.3" => parameter == 3,
        "ldarg.s" or "ldarg" or "ldarga.s" or "ldarga" or "starg.s" or "starg" => parameter == step.Operand,
        _ => false,
    };

    private static IEnumerable<(OpCode Code, int Operand)> Read(byte[] code)
    {
        for (var at = 0; at < code.Length;)
        {
            var step = Codes[code[at] == 0xFE ? (short)(0xFE00 | code[at + 1]) : code[at]];
            at += step.Size;
            var length = step.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at))),
                _ => 4,
            };
            var operand = length switch
            {
                0 => 0,
                1 => code[at],
                2 => BinaryPrimitives.ReadUInt16LittleEndian(code.AsSpan(at)),
                _ => BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at)),
            };
            yield return (step, operand);
            at += length;
        }
    }
}
