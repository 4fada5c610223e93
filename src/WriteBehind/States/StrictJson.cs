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
        Reader = new JsonSerializerOptions(Options)
        {
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            TypeInfoResolver = Options.TypeInfoResolver.WithAddedModifier(RefuseOtherDiscriminators),
        };
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

    /// <summary>
    /// Whether a body that can't be read has a name that only another release can know: the discriminator of a derived class, or a value
    /// of an enum. (A member that this release does not know is told by reading it without.)
    /// </summary>
    public bool HoldsUnknownName(ReadOnlySpan<byte> body, Type type)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            return new UnknownNames(Options).In(document.RootElement, type);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>What falls back to the base class is written as that again, and what it was is lost.</summary>
    private static void RefuseOtherDiscriminators(JsonTypeInfo info)
    {
        if (info.PolymorphismOptions is { IgnoreUnrecognizedTypeDiscriminators: true } polymorphism)
        {
            polymorphism.IgnoreUnrecognizedTypeDiscriminators = false;
        }
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

/// <summary>Looks through a state for names that its contract does not have. Not for every read: only for those that failed.</summary>
file sealed class UnknownNames(JsonSerializerOptions options)
{
    public bool In(JsonElement element, Type type)
    {
        var info = options.GetTypeInfo(Nullable.GetUnderlyingType(type) ?? type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Object when element.ValueKind == JsonValueKind.Object => InObject(element, info),
            JsonTypeInfoKind.Enumerable when element.ValueKind == JsonValueKind.Array
                => element.EnumerateArray().Any(item => In(item, info.ElementType!)),
            JsonTypeInfoKind.Dictionary when element.ValueKind == JsonValueKind.Object => InDictionary(element, info),
            JsonTypeInfoKind.None => IsUnknown(element, info.Type, options),
            _ => false,
        };
    }

    private bool InObject(JsonElement element, JsonTypeInfo info)
    {
        if (info.PolymorphismOptions is { } polymorphism
            && element.TryGetProperty(polymorphism.TypeDiscriminatorPropertyName, out var discriminator))
        {
            var known = polymorphism.DerivedTypes.Where(derived => Says(discriminator, derived.TypeDiscriminator)).ToList();
            return known is not [var one] || (one.DerivedType != info.Type && In(element, one.DerivedType));
        }

        var comparison = options.PropertyNameCaseInsensitive ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return element.EnumerateObject().Any(member
            => info.Properties.FirstOrDefault(property => property.Name.Equals(member.Name, comparison)) is { } property
                && (property.CustomConverter is { } converter
                    ? IsUnknown(member.Value, property.PropertyType, new JsonSerializerOptions(options) { Converters = { converter } })
                    : In(member.Value, property.PropertyType)));
    }

    private bool InDictionary(JsonElement element, JsonTypeInfo info)
    {
        // A key is read by the converter of its type as a value is.
        var isKeyed = info.KeyType is { IsEnum: true };
        return element.EnumerateObject().Any(entry
            => (isKeyed && IsUnknown(JsonSerializer.SerializeToElement(entry.Name), info.KeyType!, options))
                || In(entry.Value, info.ElementType!));
    }

    private static bool Says(JsonElement discriminator, object? wanted) => (discriminator.ValueKind, wanted) switch
    {
        (JsonValueKind.String, string text) => discriminator.ValueEquals(text),
        (JsonValueKind.Number, int number) => discriminator.TryGetInt32(out var value) && value == number,
        _ => false,
    };

    private static bool IsUnknown(JsonElement element, Type type, JsonSerializerOptions options)
    {
        if (!(Nullable.GetUnderlyingType(type) ?? type).IsEnum || element.ValueKind is not (JsonValueKind.String or JsonValueKind.Number))
        {
            return false;
        }

        try
        {
            _ = element.Deserialize(type, options);
            return false;
        }
        catch (JsonException)
        {
            return true;
        }
    }
}

/// <summary>
/// A stored state has a member, a derived class or an enum's value that this process does not know, so writing it again would lose that.
/// </summary>
internal sealed class UnknownMemberException(Exception cause) : Exception(cause.Message, cause);
