using System.Collections;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace WriteBehind.States;

/// <summary>
/// An application's JSON settings, made strict: a value whose runtime type is not the declared one is refused where System.Text.Json would
/// write the declared members alone; and, where wanted, a member that the type does not have is an error when a state is read.
/// </summary>
internal sealed class StrictJson
{
    private static readonly ConditionalWeakTable<JsonSerializerOptions, StrictJson> All = [];
    private static readonly ConcurrentDictionary<Type, bool> PlainCollections = new();

    [ThreadStatic]
    private static bool _isSuspect;

    private readonly ConcurrentDictionary<Type, JsonContract> _contracts = new();

    private StrictJson(JsonSerializerOptions options)
    {
        Options = new JsonSerializerOptions(options)
        {
            TypeInfoResolver = (options.TypeInfoResolver ?? new DefaultJsonTypeInfoResolver()).WithAddedModifier(RefuseOtherTypes),

            // jsonb sorts members, so what says which class it is need not be the first.
            AllowOutOfOrderMetadataProperties = true,
        };
        Reader = new JsonSerializerOptions(Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };
        Options.MakeReadOnly();
        Reader.MakeReadOnly();
    }

    /// <summary>Writes, and reads what may have members that the type does not have any more.</summary>
    public JsonSerializerOptions Options { get; }

    /// <summary>Reads, and throws for a member that the type does not have.</summary>
    public JsonSerializerOptions Reader { get; }

    /// <summary>The strict form of these settings: one for all who use them, as the metadata of types is costly.</summary>
    public static StrictJson Of(JsonSerializerOptions options) => All.GetValue(options, static given => new StrictJson(given));

    /// <summary>What these settings make of a type.</summary>
    public JsonContract ContractOf(Type type)
        => _contracts.GetOrAdd(type, static (wanted, self) => new JsonContractReader(self.Options).Read(wanted), this);

    /// <summary>
    /// Whether something was written on this thread since the last call that no contract shows: a collection with a comparer of its own.
    /// </summary>
    public static bool TakeSuspicion()
    {
        var was = _isSuspect;
        _isSuspect = false;
        return was;
    }

    private static void RefuseOtherTypes(JsonTypeInfo info)
    {
        var declared = info.Type;
        if (info.Kind is JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary
            && (!(declared.IsValueType || declared.IsSealed) || Comparers.MayBeOdd(declared)))
        {
            // Of a list in a member of type List there is nothing to ask.
            var mayBeOdd = Comparers.MayBeOdd(declared);
            info.OnSerializing += value => _isSuspect |= (mayBeOdd || value.GetType() != declared) && Comparers.OddOf(value) is not null;
        }

        if (declared.IsValueType || declared.IsSealed)
        {
            return;
        }

        if (info.Kind == JsonTypeInfoKind.Object)
        {
            info.OnSerializing += value =>
            {
                // What a proxy of EF Core adds is no state.
                if (value.GetType() is var actual && actual != declared && !actual.Assembly.IsDynamic)
                {
                    throw new NotSupportedException(
                        $"A {actual.Name} stands where the contract says {declared.Name}, and would come back without what it has of its " +
                        $"own. Name it with [JsonDerivedType(typeof({actual.Name}), \"{actual.Name}\")] at {declared.Name}, or give the " +
                        "serializer a converter.");
                }
            };
        }
        else if (info.Kind is JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary)
        {
            info.OnSerializing += value =>
            {
                if (value.GetType() is var actual && actual != declared && !PlainCollections.GetOrAdd(actual, IsPlainCollection))
                {
                    throw new NotSupportedException(
                        $"A {actual.Name} stands where the contract says {declared.Name}, and would come back as another collection. " +
                        $"Declare the member as {actual.Name}, or give the serializer a converter.");
                }
            };
        }
    }

    /// <summary>Whether a collection is its elements and nothing else: those of .NET, and the iterators that compilers make.</summary>
    private static bool IsPlainCollection(Type type)
        => type.IsArray || type.Namespace is "System" || type.Namespace?.StartsWith("System.", StringComparison.Ordinal) == true
            || type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
            || !JsonContractReader.FieldsOf(type).Any() || !typeof(IEnumerable).IsAssignableFrom(type);
}

/// <summary>A stored state has a member that this process does not know, so writing it again would lose that.</summary>
internal sealed class UnknownMemberException(Exception cause) : Exception(cause.Message, cause);
