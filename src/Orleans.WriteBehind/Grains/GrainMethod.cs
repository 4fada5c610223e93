using System.Collections.Concurrent;
using System.Reflection;

namespace Orleans.WriteBehind.Grains;

/// <summary>What is known of a grain class' method of an interface.</summary>
internal sealed class GrainMethod
{
    private static readonly ConcurrentDictionary<(Type Grain, MethodInfo Method), GrainMethod> Known = new();

    private volatile bool _saves;

    private GrainMethod(MethodInfo method) => ShowsUnacknowledged = method.IsDefined(typeof(ShowsUnacknowledgedAttribute));

    /// <summary>Whether its answers may show what is not acknowledged.</summary>
    public bool ShowsUnacknowledged { get; }

    /// <summary>
    /// Whether it has ever been seen to save. Learned, not declared: a read is never refused because writes are, and nobody can forget to
    /// mark a method.
    /// </summary>
    public bool Saves
    {
        get => _saves;
        set => _saves = value;
    }

    public static GrainMethod Of(Type grain, MethodInfo method) => Known.GetOrAdd((grain, method), static key => new GrainMethod(key.Method));
}
