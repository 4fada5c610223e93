using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>
/// Tells all that an object holds, field by field, in a text in which equal objects are equal. What serializers look at plays no part.
/// </summary>
internal static class Told
{
    public static string Of(object? value) => value switch
    {
        null => "null",
        string text => $"\"{string.Concat(text.Select(static c => c is >= ' ' and < '\x7F' ? $"{c}" : $"\\{(int)c:x4}"))}\"",

        // The infinite ones have no zone.
        DateTime time when time == DateTime.MinValue || time == DateTime.MaxValue => $"{time.Ticks}",
        DateTime time => $"{time:O} {time.Kind}",
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        TimeOnly time => time.ToString("O", CultureInfo.InvariantCulture),

        // The zero below zero equals the other one.
        double number => (number + 0.0).ToString("R", CultureInfo.InvariantCulture),
        float number => (number + 0.0f).ToString("R", CultureInfo.InvariantCulture),
        char c => $"'{(int)c:x4}'",
        Uri address => address.IsAbsoluteUri ? address.AbsoluteUri : address.OriginalString,
        byte[] bytes => Convert.ToHexString(bytes),
        _ when value.GetType() is { IsValueType: true, Name: "ImmutableArray`1" } && value.Equals(Activator.CreateInstance(value.GetType()))
            => "default",
        IFormattable scalar when value.GetType().Namespace == "System" => scalar.ToString(null, CultureInfo.InvariantCulture),
        Enum or bool => $"{value}",
        IEnumerable elements => OfCollection(elements),
        _ => OfObject(value),
    };

    /// <summary>A type with its arguments.</summary>
    public static string NameOf(Type type) => Nullable.GetUnderlyingType(type) is { } underlying ? $"{NameOf(underlying)}?"
        : type.IsArray ? $"{NameOf(type.GetElementType()!)}[]"
        : type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;

    private static string OfCollection(IEnumerable elements)
    {
        var type = elements.GetType();
        var told = elements.Cast<object?>().Select(Of);
        if (type.GetInterfaces().Any(static one => one.IsGenericType && one.GetGenericTypeDefinition() is var kind
            && (kind == typeof(IReadOnlySet<>) || kind == typeof(IReadOnlyDictionary<,>))))
        {
            told = told.Order(StringComparer.Ordinal);
        }

        var isOdd = type.GetProperty("Comparer")?.GetValue(elements) is StringComparer comparer && comparer.Equals("a", "A");
        return $"{(isOdd ? "any case " : "")}[{string.Join(", ", told)}]";
    }

    private static string OfObject(object value)
    {
        var text = new StringBuilder(value.GetType().Name.Split('`')[0]).Append('{');
        for (var type = value.GetType(); type is not null && type != typeof(object); type = type.BaseType)
        {
            foreach (var field in type.GetFields(
                BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            {
                var name = field.Name.Split('<', '>') is [_, var member, _] ? member : field.Name;
                text.Append(name).Append(": ").Append(Of(field.GetValue(value))).Append(", ");
            }
        }

        return text.Append('}').ToString();
    }
}
