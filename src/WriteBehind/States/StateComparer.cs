using System.Collections;
using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace WriteBehind.States;

/// <summary>
/// Compares a state with what was read back, member by member as its JSON contract has them. Not for every write: it is all reflection.
/// </summary>
internal sealed class StateComparer(JsonSerializerOptions options)
{
    // Looking for attributes costs more than all else here.
    private static readonly ConditionalWeakTable<JsonTypeInfo, List<FieldInfo>> Hidden = [];

    private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);

    /// <summary>Where they differ first, and how; null where they are equal.</summary>
    public string? Difference(object? written, object? read, Type declared, string path)
    {
        if (written is null || read is null)
        {
            return written is null && read is null ? null : $"{path} comes back as {Show(read)} and was {Show(written)}";
        }

        var info = options.GetTypeInfo(Nullable.GetUnderlyingType(declared) ?? declared);
        if (info.PolymorphismOptions is not null && written.GetType() != info.Type)
        {
            info = options.GetTypeInfo(written.GetType());
        }

        return info.Kind switch
        {
            JsonTypeInfoKind.Object => DifferentObject(written, read, info, path),
            JsonTypeInfoKind.Enumerable => DifferentSequence((IEnumerable)written, (IEnumerable)read, info, path),
            JsonTypeInfoKind.Dictionary => DifferentDictionary(written, read, info, path),
            _ => DifferentValue(written, read, path),
        };
    }

    private string? DifferentObject(object written, object read, JsonTypeInfo info, string path)
    {
        if (written.GetType() != read.GetType() && !written.GetType().Assembly.IsDynamic)
        {
            return $"{path} is a {written.GetType().Name} and comes back as a {read.GetType().Name}";
        }

        if (!info.Type.IsValueType && !_seen.Add(written))
        {
            return null;
        }

        var hidden = Hidden.GetValue(info, static type => [.. JsonContractReader.HiddenFieldsOf(type)]);
        foreach (var property in info.Properties)
        {
            if (property.Get is not { } get || (hidden.Count == 0 && !JsonContractReader.IsKept(property)))
            {
                continue;
            }

            var (before, after, here) = (get(written), get(read), $"{path}.{property.Name}");
            var difference = property.CustomConverter is null
                ? Difference(before, after, property.PropertyType, here)
                : before is null || after is null ? Difference(before, after, typeof(object), here) : DifferentValue(before, after, here);

            // A clock's value is another one each time it is read, and nobody loses it.
            if (difference is not null && (JsonContractReader.IsKept(property) || Equals(before, get(written))))
            {
                return difference;
            }
        }

        return hidden.Where(field => IsData(field.FieldType))
            .Select(field => DifferentField(field, written, read, path))
            .FirstOrDefault(found => found is not null);
    }

    private static string? DifferentField(FieldInfo field, object written, object read, string path)
    {
        var (before, after) = (field.GetValue(written), field.GetValue(read));
        var same = before is IEnumerable many and not string && after is IEnumerable others
            ? many.Cast<object?>().SequenceEqual(others.Cast<object?>())
            : Equals(before, after);
        return same ? null
            : $"{path} has a field of its own, '{field.Name}', that comes back as {Show(after)} and was {Show(before)} " +
              "(keep it with [JsonInclude], or mark it with [NonSerialized] where it is no state)";
    }

    /// <summary>
    /// Whether a field holds plain data. What else an object may hold beside its members (a lock, a logger, a delegate) is no state.
    /// </summary>
    private static bool IsData(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type.IsArray ? IsData(type.GetElementType()!)
            : type.IsPrimitive || type.IsEnum || type == typeof(string)
            || (type.IsValueType && type.Namespace == "System")
            || (typeof(IEnumerable).IsAssignableFrom(type) && type.IsGenericType && type.GetGenericArguments().All(IsData));
    }

    private string? DifferentSequence(IEnumerable written, IEnumerable read, JsonTypeInfo info, string path)
    {
        var (before, after) = (written.Cast<object?>().ToList(), read.Cast<object?>().ToList());
        if (before.Count != after.Count)
        {
            return $"{path} comes back with {after.Count} elements and had {before.Count}";
        }

        // Sets of some kinds give their elements in an order of their own.
        if (IsSet(written) && before.All(element => element is not null && after.Contains(element)))
        {
            return null;
        }

        for (var i = 0; i < before.Count; i++)
        {
            if (Difference(before[i], after[i], info.ElementType!, $"{path}[{i}]") is { } difference)
            {
                return difference;
            }
        }

        return null;
    }

    private static bool IsSet(IEnumerable values)
        => values.GetType().GetInterfaces().Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IReadOnlySet<>));

    private string? DifferentDictionary(object written, object read, JsonTypeInfo info, string path)
    {
        var (before, after) = (EntriesOf(written), EntriesOf(read));
        if (before.Count != after.Count)
        {
            return $"{path} comes back with {after.Count} entries and had {before.Count}";
        }

        foreach (var (key, value) in before)
        {
            if (!after.TryGetValue(key, out var other))
            {
                return $"{path} has the key '{key}', which does not come back";
            }

            if (Difference(value, other, info.ElementType!, $"{path}['{key}']") is { } difference)
            {
                return difference;
            }
        }

        return null;
    }

    private static Dictionary<object, object?> EntriesOf(object dictionary)
    {
        var entries = new Dictionary<object, object?>();
        foreach (var entry in (IEnumerable)dictionary)
        {
            var type = entry.GetType();
            entries[type.GetProperty("Key")!.GetValue(entry)!] = type.GetProperty("Value")!.GetValue(entry);
        }

        return entries;
    }

    private string? DifferentValue(object written, object read, string path)
    {
        var same = (written, read) switch
        {
            (JsonNode a, JsonNode b) => JsonNode.DeepEquals(a, b),
            (JsonElement a, JsonElement b) => JsonElement.DeepEquals(a, b),
            (JsonDocument a, JsonDocument b) => JsonElement.DeepEquals(a.RootElement, b.RootElement),
            _ => Equals(written, read) || (!SaysWhatIsEqual(written.GetType()) && Encode(written).AsSpan().SequenceEqual(Encode(read))),
        };
        return same ? null : $"{path} comes back as {Show(read)} and was {Show(written)}";
    }

    /// <summary>Whether a type has a notion of equality of its own; else what it is written as has to do.</summary>
    internal static bool SaysWhatIsEqual(Type type)
        => type.GetMethod(nameof(Equals), [typeof(object)])?.DeclaringType is { } owner
            && owner != typeof(object)
            && owner != typeof(ValueType)
            && type.Namespace != "System.Collections.Immutable"
            && !type.Name.StartsWith("ReadOnlyMemory", StringComparison.Ordinal)
            && !type.Name.StartsWith("Memory", StringComparison.Ordinal);

    private byte[] Encode(object value) => JsonSerializer.SerializeToUtf8Bytes(value, value.GetType(), options);

    internal static string Show(object? value)
    {
        if (value is null)
        {
            return "null";
        }

        var text = value is string s ? $"\"{s}\"" : Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)
            ?? value.GetType().Name;
        return text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");
    }
}

/// <summary>
/// Compares two objects by what they hold, field by field, whatever a serializer looks at: what it overlooks is lost. What the application
/// says to be no state is left out, and so are locks, delegates and their like.
/// </summary>
internal sealed class GraphComparer
{
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly ConcurrentDictionary<Type, FieldInfo[]> FieldsOf = new();

    private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);

    /// <summary>Where they differ first, and how; null where they are equal.</summary>
    public string? Difference(object? written, object? read, string path)
    {
        if (written is null || read is null)
        {
            return (written is null && read is null) || IsNoState((written ?? read)!) ? null : Other(written, read, path);
        }

        var type = written.GetType();
        if (IsNoState(written) || (!type.IsValueType && !_seen.Add(written)))
        {
            return null;
        }

        if (JsonContractReader.IsOfDotNet(type) || type.IsEnum)
        {
            return DifferentValue(written, read, type, path);
        }

        if (type != read.GetType() && !type.Assembly.IsDynamic && !IsIterator(type))
        {
            return $"{path} is a {type.Name} and comes back as a {read.GetType().Name}";
        }

        // Of a collection class of the application's own both count: its elements and its fields.
        return (written is IEnumerable many && read is IEnumerable others ? DifferentElements(many, others, path) : null)
            ?? (IsIterator(type) ? null : DifferentFields(type, written, read, path));
    }

    private string? DifferentValue(object written, object read, Type type, string path) => (written, read) switch
    {
        (JsonNode a, JsonNode b) => JsonNode.DeepEquals(a, b) ? null : Other(written, read, path),
        (JsonElement a, JsonElement b) => JsonElement.DeepEquals(a, b) ? null : Other(written, read, path),
        (JsonDocument a, JsonDocument b) => JsonElement.DeepEquals(a.RootElement, b.RootElement) ? null : Other(written, read, path),
        (DateTime a, DateTime b) => a == b && a.Kind == b.Kind ? null : Other(written, read, path),
        (DateTimeOffset a, DateTimeOffset b) => a.EqualsExact(b) ? null : Other(written, read, path),
        _ when Equals(written, read) => null,
        (string, _) => Other(written, read, path),
        (IEnumerable many, IEnumerable others) => DifferentComparer(many, others, path) ?? DifferentElements(many, others, path),
        (ITuple, ITuple) => DifferentFields(type, written, read, path),
        _ when type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>) && type == read.GetType()
            => DifferentFields(type, written, read, path),

        // What has no notion of equality is compared by those who know what it is written as.
        _ => StateComparer.SaysWhatIsEqual(type) || type != read.GetType() ? Other(written, read, path) : null,
    };

    private string? DifferentFields(Type type, object written, object read, string path)
        => FieldsOf.GetOrAdd(type, StateOf)
            .Select(field => Difference(field.GetValue(written), field.GetValue(read), $"{path}.{JsonContractReader.NameOf(field)}"))
            .FirstOrDefault(found => found is not null);

    private static FieldInfo[] StateOf(Type type)
    {
        var fields = JsonContractReader.IsOfDotNet(type) ? type.GetFields(Fields) : JsonContractReader.FieldsOf(type);
        return [.. fields.Where(field => !JsonContractReader.IsLeftOut(field))];
    }

    private string? DifferentElements(IEnumerable written, IEnumerable read, string path)
    {
        var (before, after) = (written.Cast<object?>().ToList(), read.Cast<object?>().ToList());
        if (before.Count != after.Count)
        {
            return $"{path} comes back with {after.Count} elements and had {before.Count}";
        }

        // Sets and dictionaries of some kinds give what they hold in an order of their own.
        if (written.GetType().GetInterfaces().Any(IsUnordered) && before.All(element => element is not null && after.Contains(element)))
        {
            return null;
        }

        if (written is IDictionary entries && read is IDictionary others)
        {
            return entries.Keys.Cast<object>()
                .Select(key => others.Contains(key)
                    ? Difference(entries[key], others[key], $"{path}['{key}']")
                    : $"{path} has the key '{key}', which does not come back")
                .FirstOrDefault(found => found is not null);
        }

        return before.Select((element, i) => Difference(element, after[i], $"{path}[{i}]")).FirstOrDefault(found => found is not null);
    }

    private static string? DifferentComparer(IEnumerable written, IEnumerable read, string path)
    {
        var (before, after) = (Comparers.OddOf(written), Comparers.OddOf(read));
        return Equals(before, after) || (before is not StringComparer && before?.GetType() == after?.GetType()) ? null
            : $"{path} comes back comparing by {after?.GetType().Name ?? "default"}, and compared by " +
              $"{before?.GetType().Name ?? "default"} (keep the comparer with [JsonObjectCreationHandling(Populate)] on the member that " +
              "makes it, or give the serializer a converter)";
    }

    private static bool IsUnordered(Type type)
        => type.IsGenericType && type.GetGenericTypeDefinition() is var kind
            && (kind == typeof(IReadOnlySet<>) || kind == typeof(IReadOnlyDictionary<,>));

    /// <summary>What compilers make of <c>yield</c> and of <c>[a, b]</c>: its elements and nothing else.</summary>
    private static bool IsIterator(Type type)
        => type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false) && typeof(IEnumerable).IsAssignableFrom(type);

    /// <summary>What an object may hold beside its state: a lock, a logger, a delegate, a task.</summary>
    private static bool IsNoState(object value)
        => value is Delegate or Task or IDisposable and not (JsonDocument or IEnumerable)
            || value.GetType() == typeof(object)
            || (!value.GetType().IsValueType && value.GetType().Namespace is "System.Threading")
            || value.GetType().Namespace?.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal) == true;

    private static string Other(object? written, object? read, string path)
        => $"{path} comes back as {StateComparer.Show(read)} and was {StateComparer.Show(written)}" +
            (written is null || read is null || written.GetType() == read.GetType() ? string.Empty
                : $" (a {read.GetType().Name} and a {written.GetType().Name})");
}

/// <summary>What a collection compares its keys or elements by, where that is not the default.</summary>
internal static class Comparers
{
    private static readonly ConcurrentDictionary<Type, Func<object, object?>?> Readers = new();

    /// <summary>Whether a collection of this type may have another comparer than the default.</summary>
    public static bool MayBeOdd(Type type) => Readers.GetOrAdd(type, ReaderOf) is not null;

    /// <summary>The comparer, where it is not the default.</summary>
    public static object? OddOf(object collection) => Readers.GetOrAdd(collection.GetType(), ReaderOf)?.Invoke(collection);

    private static Func<object, object?>? ReaderOf(Type type)
    {
        if ((type.GetProperty("Comparer") ?? type.GetProperty("KeyComparer")) is not { } property
            || !property.PropertyType.IsGenericType
            || property.PropertyType.GetGenericArguments() is not [var key])
        {
            return null;
        }

        var isOrder = property.PropertyType.GetGenericTypeDefinition() == typeof(IComparer<>);
        var usual = (isOrder ? typeof(Comparer<>) : typeof(EqualityComparer<>)).MakeGenericType(key)
            .GetProperty("Default", BindingFlags.Public | BindingFlags.Static)!.GetValue(null);
        Func<object, object?> read = type.IsValueType
            ? property.GetValue
            : (Func<object, object?>)typeof(Comparers).GetMethod(nameof(Getter), BindingFlags.NonPublic | BindingFlags.Static)!
                .MakeGenericMethod(type, property.PropertyType).Invoke(null, [property.GetMethod])!;
        return collection => read(collection) is { } comparer && !comparer.Equals(usual)
            && (isOrder || !comparer.Equals(StringComparer.Ordinal)) ? comparer : null;
    }

    /// <summary>A property without reflection: it is read at each write of a state that has such a collection.</summary>
    private static Func<object, object?> Getter<TCollection, TComparer>(MethodInfo getter)
        where TCollection : class
        where TComparer : class
    {
        var read = getter.CreateDelegate<Func<TCollection, TComparer>>();
        return collection => read((TCollection)collection);
    }
}
