using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;

namespace Orleans.WriteBehind.Limits;

/// <summary>Reads <see cref="RateLimitedAttribute"/>: what is nearest to the method counts.</summary>
internal static class AttributeSelector
{
    private static readonly ConcurrentDictionary<(MethodInfo Method, Type? Grain), RateLimitedAttribute?> Known = new();

    public static GrainLimit? Select(IIncomingGrainCallContext call)
    {
        var key = (call.InterfaceMethod, call.Grain?.GetType());
        if (!Known.TryGetValue(key, out var found))
        {
            found = Known.GetOrAdd(key, Find(call));
        }

        // What is before the caller's name keeps it out of the windows of grains, and of names that mean something else.
        return found switch
        {
            null => null,
            { CallerKey: { } caller } => new(found.Limit, $"{caller}={Convert.ToString(RequestContext.Get(caller), CultureInfo.InvariantCulture)}"),
            _ => new(found.Limit, $"grain:{call.TargetId}"),
        };
    }

    private static RateLimitedAttribute? Find(IIncomingGrainCallContext call)
    {
        if (call.InterfaceMethod.DeclaringType is not { } type || IsOfRuntime(type))
        {
            return null;
        }

        // An extension is called at the address of a grain, but is not the grain.
        var isGrain = type.IsInstanceOfType(call.Grain);
        return call.InterfaceMethod.GetCustomAttribute<RateLimitedAttribute>()
            ?? call.ImplementationMethod?.GetCustomAttribute<RateLimitedAttribute>()
            ?? type.GetCustomAttribute<RateLimitedAttribute>()
            ?? type.GetInterfaces().Select(static inherited => inherited.GetCustomAttribute<RateLimitedAttribute>()).FirstOrDefault(static found => found is not null)
            ?? (isGrain ? call.Grain!.GetType().GetCustomAttribute<RateLimitedAttribute>() : null);
    }

    /// <summary>Reminders, timers, streams, management: a grain that misses those is broken rather than limited.</summary>
    private static bool IsOfRuntime(Type type)
        => type.Assembly.GetCustomAttribute<AssemblyProductAttribute>()?.Product == typeof(IGrain).Assembly.GetCustomAttribute<AssemblyProductAttribute>()?.Product;
}
