using System.Collections.Concurrent;
using System.Reflection;

namespace Orleans.WriteBehind;

/// <summary>What is known of a grain class' method of an interface.</summary>
internal sealed class GrainMethod
{
    private static readonly ConcurrentDictionary<(Type Grain, MethodInfo Method), GrainMethod> Known = new();

    private volatile bool _saves;

    private readonly string _name;

    private GrainMethod(MethodInfo method)
    {
        ShowsUnacknowledged = method.IsDefined(typeof(ShowsUnacknowledgedAttribute));
        HasResult = method.ReturnType.IsGenericType;
        _name = $"{method.DeclaringType} {method}";
        Fingerprint = Operations.FingerprintOf(_name);
    }

    /// <summary>Whether its answers may show what is not acknowledged.</summary>
    public bool ShowsUnacknowledged { get; }

    /// <summary>Whether it returns something.</summary>
    public bool HasResult { get; }

    /// <summary>Tells its calls from those of other methods.</summary>
    public byte[] Fingerprint { get; }

    /// <summary>
    /// Whether it has ever been seen to save. Learned, not declared: a read is never refused because writes are, and nobody can forget to
    /// mark a method.
    /// </summary>
    public bool Saves
    {
        get => _saves;
        set => _saves = value;
    }

    /// <summary>The fingerprint of a call that is about this.</summary>
    public byte[] With(string request) => Operations.FingerprintOf($"{_name} {request}");

    public static GrainMethod Of(Type grain, MethodInfo method)
        => Known.GetOrAdd((grain, method), static key => new GrainMethod(key.Method));
}

/// <summary>
/// The enumerations that are open in one activation. Each is one call, however many requests fetch its items: what a request delivers may
/// have been made before it came, so only the call as a whole knows which save acknowledges it.
/// </summary>
/// <param name="owner">The grain.</param>
/// <param name="expiry">When one that nobody asked for again is forgotten: its caller is gone, and so is the enumerator itself.</param>
/// <param name="time">The clock.</param>
internal sealed class Enumerations(object owner, TimeSpan expiry, TimeProvider time)
{
    private readonly Dictionary<Guid, (CallScope Call, long UsedAt)> _open = [];

    /// <summary>Goes on with an enumeration, or begins one. Ends as <see cref="CallScope.Begin"/> does.</summary>
    public CallScope Enter(Guid id)
    {
        var now = time.GetTimestamp();
        if (_open.TryGetValue(id, out var open))
        {
            open.Call.Resume();
        }
        else
        {
            foreach (var (other, (_, usedAt)) in _open)
            {
                if (time.GetElapsedTime(usedAt, now) > expiry)
                {
                    _open.Remove(other);
                }
            }

            open.Call = CallScope.Begin(owner);
        }

        _open[id] = (open.Call, now);
        return open.Call;
    }

    public void Close(Guid id) => _open.Remove(id);
}

/// <summary>Which of the runtime's own calls run the code of the grain.</summary>
internal static class RuntimeCalls
{
    /// <summary>By name, as the runtime keeps them to itself.</summary>
    private static readonly HashSet<string> Interfaces = new(StringComparer.Ordinal)
    {
        "Orleans.Runtime.IGrainTimerInvoker",
        "Orleans.Streams.IStreamConsumerExtension",
        "Orleans.BroadcastChannel.IBroadcastChannelConsumerExtension",
    };

    public static bool RunGrainCode(Type? declaring) => declaring?.FullName is { } name && Interfaces.Contains(name);
}
