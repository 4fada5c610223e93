using WriteBehind;

namespace Orleans.WriteBehind.Grains;

/// <summary>When an entity is flushed: after the flush delay, with jitter, so that ten thousand owners do not flush together.</summary>
internal sealed class FlushPace(EntityTypeOptions options)
{
    /// <summary>By how much the delay varies, up and down.</summary>
    private const double Jitter = 0.2;

    private int _failures;

    /// <summary>The pause before the next try; doubled with each failure in a row up to the maximum age: nobody needs ten thousand tries a second at a database that is away.</summary>
    public TimeSpan Next()
    {
        var delay = options.FlushDelay * Math.Pow(2, Math.Min(_failures, 16));
        delay = delay < options.MaxAge ? delay : options.MaxAge;
        return delay * (1 - Jitter + (2 * Jitter * Random.Shared.NextDouble()));
    }

    /// <summary>Notes what a try came to; null where it did not get through.</summary>
    public void Note(EntityFlush? flushed) => _failures = flushed == EntityFlush.Saved ? 0 : _failures + 1;
}
