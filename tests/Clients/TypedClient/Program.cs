using System.Collections;
using System.Globalization;
using WriteBehind;

namespace TypedClient;

/// <summary>Does the same as the plain client, and writes all that it knows of an error and of its causes.</summary>
public static class Program
{
    public static Task Main(string[] args) => PlainClient.Program.RunAsync(args, Describe);

    /// <summary>Type, message and properties of an error and of its causes.</summary>
    public static string Describe(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        var properties = error is WriteBehindException
            ? error.GetType().GetProperties().Where(property => typeof(WriteBehindException).IsAssignableFrom(property.DeclaringType))
            : error.GetType().GetProperties().Where(property => property.DeclaringType == error.GetType());
        var known = properties.OrderBy(property => property.Name, StringComparer.Ordinal)
            .Select(property => $"{property.Name}={Text(property.GetValue(error))}");
        var cause = error.InnerException is { } inner ? " <- " + Describe(inner) : "";
        return $"{error.GetType().FullName}|{error.Message}|{string.Join(',', known)}{cause}";
    }

    private static string Text(object? value) => value switch
    {
        string text => text,
        IEnumerable many => string.Join('/', many.Cast<object>()),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "null",
    };
}
