using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orleans.WriteBehind.Tests.States;

/// <summary>
/// Compares two objects field by field, private ones too: what a serializer does or does not look at plays no part here.
/// </summary>
internal sealed class SameGraph
{
    private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);

    public static string? Difference(object? one, object? other) => new SameGraph().Find(one, other, "");

    private string? Find(object? one, object? other, string path)
    {
        if (one is null || other is null)
        {
            return one is null && other is null ? null : $"{path}: {one ?? "null"} and {other ?? "null"}";
        }

        var type = one.GetType();
        if (one is JsonElement or JsonNode or JsonDocument)
        {
            return JsonNode.DeepEquals(Node(one), Node(other)) ? null : $"{path}: {Node(one)} and {Node(other)}";
        }

        if (type.Name == "ImmutableArray`1" && Equals(one, other))
        {
            return null;
        }

        if (one is Memory<byte> or ReadOnlyMemory<byte>)
        {
            return Bytes(one).SequenceEqual(Bytes(other)) ? null : $"{path}: other bytes";
        }

        if (type.IsPrimitive || type.IsEnum || one is string or Uri or Type or IFormattable or System.Globalization.CultureInfo)
        {
            return Equals(one, other) && Equals(Kind(one), Kind(other)) ? null : $"{path}: {one} and {other}";
        }

        if (!type.IsValueType && !_seen.Add(one))
        {
            return null;
        }

        if (one is IEnumerable many)
        {
            return other is IEnumerable others ? FindInMany(many, others, path) ?? FindInFields(type, one, other, path)
                : $"{path}: no collection";
        }

        return type == other.GetType() ? FindInFields(type, one, other, path) : $"{path}: {type} and {other.GetType()}";
    }

    private string? FindInMany(IEnumerable one, IEnumerable other, string path)
    {
        if (Comparer(one)?.GetType() != Comparer(other)?.GetType())
        {
            return $"{path}: compares by {Comparer(one)} and by {Comparer(other)}";
        }

        List<object?> left = [.. one.Cast<object?>()], right = [.. other.Cast<object?>()];
        if (left.Count != right.Count)
        {
            return $"{path}: {left.Count} and {right.Count} elements";
        }

        var isSet = one.GetType().GetInterfaces().Any(
            i => i.IsGenericType && i.GetGenericTypeDefinition() is var kind
                && (kind == typeof(IReadOnlySet<>) || kind == typeof(IReadOnlyDictionary<,>)));
        return left.Select((element, i) => isSet && right.Exists(found => new SameGraph().Find(element, found, "") is null)
            ? null
            : Find(element, right[i], $"{path}[{i}]")).FirstOrDefault(found => found is not null);
    }

    private string? FindInFields(Type type, object one, object other, string path)
    {
        for (var level = type; level is not null && (level == type || !IsOfDotNet(level)); level = level.BaseType)
        {
            if (IsOfDotNet(level) && one is IEnumerable)
            {
                break;
            }

            foreach (var field in level.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                if (Find(field.GetValue(one), field.GetValue(other), $"{path}.{field.Name}") is { } difference)
                {
                    return difference;
                }
            }
        }

        return null;
    }

    private static bool IsOfDotNet(Type type) => type.Namespace is null || type.Namespace.StartsWith("System", StringComparison.Ordinal);

    private static object? Comparer(IEnumerable many)
        => many is string ? null
            : (many.GetType().GetProperty("Comparer") ?? many.GetType().GetProperty("KeyComparer"))?.GetValue(many);

    /// <summary>What equality leaves out.</summary>
    private static object? Kind(object value)
        => value is DateTime time ? time.Kind : value is DateTimeOffset moment ? moment.Offset : null;

    private static byte[] Bytes(object memory)
        => memory is Memory<byte> bytes ? bytes.ToArray() : ((ReadOnlyMemory<byte>)memory).ToArray();

    private static JsonNode? Node(object json) => JsonNode.Parse(JsonSerializer.Serialize(json));
}
