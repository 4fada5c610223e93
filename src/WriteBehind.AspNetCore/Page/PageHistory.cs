using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.AspNetCore.Documents;

namespace WriteBehind.AspNetCore.Page;

/// <summary>The live page: one document with no asset of its own or of others.</summary>
internal static class PageEndpoint
{
    private const string NoncePlaceholder = "{{nonce}}";

    private static readonly string Html = Load("page.html")
        .Replace("{{style}}", Load("page.css"), StringComparison.Ordinal)
        .Replace("{{script}}", Load("page.js") + Load("sections.js"), StringComparison.Ordinal);

    public static IResult Get(HttpContext http)
    {
        // Ids and errors on the page come from whoever writes entities. The script puts them in as text; should it ever fail to,
        // this policy runs nothing but the script itself.
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; " +
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        return Results.Content(Html.Replace(NoncePlaceholder, nonce, StringComparison.Ordinal), "text/html; charset=utf-8", Encoding.UTF8);
    }

    private static string Load(string file)
    {
        var name = $"WriteBehind.AspNetCore.Page.{file}";
        using var stream = typeof(PageEndpoint).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The resource {name} is missing from the assembly.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

/// <summary>
/// Notes the figures of the last hour, so that a page that is opened later shows it: of each entity type a number of every kind per step,
/// which is 15 KB in all. One for each host, from its start to its stop.
/// </summary>
internal sealed class PageHistory : IDisposable
{
    public const int StepSeconds = 10;
    public const int Steps = 360;

    private static readonly ConditionalWeakTable<IServiceProvider, PageHistory> Hosts = [];

    /// <summary>
    /// Where Redis does not answer, a look takes as long as the time-out of its connection and then tells what this process knows itself.
    /// Steps that pass meanwhile are gaps.
    /// </summary>
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(30);

    private readonly IServiceProvider _services;
    private readonly TimeProvider _time;
    private readonly ProcessDocument _process;
    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TypeFigures> _types = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private ITimer? _timer;
    private long _last = -1;

    private PageHistory(IServiceProvider services)
    {
        _services = services;
        _time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        var application = services.GetService<IHostEnvironment>()?.ApplicationName ?? AppDomain.CurrentDomain.FriendlyName;
        _process = new(Environment.MachineName, application, Environment.ProcessId, _time.GetUtcNow());
        if (services.GetService<IHostApplicationLifetime>() is { } life)
        {
            life.ApplicationStarted.Register(Start);
            life.ApplicationStopping.Register(Dispose);
        }
    }

    /// <summary>That of this host.</summary>
    public static PageHistory Of(IServiceProvider services) => Hosts.GetValue(services, static host => new PageHistory(host));

    public async Task<IResult> GetStatusAsync(HttpContext http, IWriteBehindEngine engine)
        => Results.Json(
            StatusDocument.From(
                await engine.GetStatusAsync(http.RequestAborted).ConfigureAwait(false), _process, _time.GetUtcNow()),
            WriteBehindJson.Default.StatusDocument);

    public IResult Get()
    {
        lock (_lock)
        {
            Advance(StepOf(_time.GetUtcNow()));
            var from = _last - Steps + 1;
            return Results.Json(
                new HistoryDocument(
                    _process,
                    DateTimeOffset.FromUnixTimeSeconds(from * StepSeconds),
                    StepSeconds,
                    [.. _types.Values.Select(type => type.From(from))]),
                WriteBehindJson.Default.HistoryDocument);
        }
    }

    public void Dispose()
    {
        _stopping.Cancel();
        _timer?.Dispose();
        _listener.Dispose();
    }

    private static long StepOf(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    private void Start()
    {
        if (_services.GetService<IWriteBehindEngine>() is not { } engine)
        {
            return;
        }

        foreach (var type in engine.Types)
        {
            _types.TryAdd(type, new TypeFigures(type));
        }

        // Two hosts in one process have a meter each; this one's comes from its factory.
        var factory = _services.GetService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Name: WriteBehindDiagnostics.AckDuration, Meter.Name: WriteBehindDiagnostics.MeterName }
                && ReferenceEquals(instrument.Meter.Scope, factory))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>(OnAcknowledged);
        _listener.Start();
        _timer = _time.CreateTimer(_ => _ = LookAsync(engine), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Rearm(TimeSpan.Zero);
    }

    private void OnAcknowledged(
        Instrument instrument, double seconds, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
    {
        if (tags.Length > 0 && tags[0].Value is string type && _types.TryGetValue(type, out var figures))
        {
            figures.Acknowledged(seconds);
        }
    }

    private async Task LookAsync(IWriteBehindEngine engine)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            limit.CancelAfter(LongestLook);
            Note(await engine.GetStatusAsync(limit.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is WriteBehindException or OperationCanceledException or ObjectDisposedException)
        {
            // A gap in the figures says it.
        }
        finally
        {
            // In the middle of a step, so that a timer that is a little early or late still meets each of them.
            const double Step = StepSeconds * 1000;
            var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
            Rearm(TimeSpan.FromMilliseconds(Step * 1.5 - now % Step));
        }
    }

    private void Rearm(TimeSpan due)
    {
        try
        {
            _timer?.Change(due, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The host stops.
        }
    }

    private void Note(EngineStatus status)
    {
        lock (_lock)
        {
            var step = StepOf(_time.GetUtcNow());
            Advance(step);
            foreach (var type in status.Types)
            {
                if (_types.TryGetValue(type.Type, out var figures))
                {
                    figures.Note(step, type, status.Durability.Reachable, _time);
                }
            }
        }
    }

    /// <summary>Makes room for the steps since the last one. A clock that goes back begins anew.</summary>
    private void Advance(long step)
    {
        var from = step < _last || step - _last >= Steps ? step - Steps + 1 : _last + 1;
        for (var i = from; i <= step; i++)
        {
            foreach (var type in _types.Values)
            {
                type.Clear(i);
            }
        }

        _last = step;
    }
}

/// <summary>The figures of one type.</summary>
internal sealed class TypeFigures(string type)
{
    private readonly double?[][] _figures = [.. Enumerable.Range(0, 5).Select(static _ => new double?[PageHistory.Steps])];
    private AckTimes _acks = new();
    private TypeCounters? _counters;
    private long _countedAt;

    public void Acknowledged(double seconds) => Volatile.Read(ref _acks).Add(seconds);

    public void Clear(long step) => Array.ForEach(_figures, figure => figure[Index(step)] = null);

    public void Note(long step, TypeStatus status, bool isKnown, TimeProvider time)
    {
        var (before, since, now) = (_counters, _countedAt, time.GetTimestamp());
        (_counters, _countedAt) = (status.Counters, now);
        var seconds = time.GetElapsedTime(since, now).TotalSeconds;
        if (before is not null && seconds > 0)
        {
            Set(0, (status.Counters.WritesAcknowledged - before.WritesAcknowledged) / seconds);
            Set(1, (status.Counters.RowsApplied - before.RowsApplied) / seconds);
        }

        Set(2, Interlocked.Exchange(ref _acks, new AckTimes()).Percentile(0.99));
        Set(3, isKnown ? status.Dirty : null);
        Set(4, status.Dirty == 0 && isKnown ? 0 : status.OldestDirtyAge?.TotalSeconds);

        void Set(int figure, double? value) => _figures[figure][Index(step)] = value is { } number ? Math.Round(number, 6) : null;
    }

    public TypeHistory From(long step)
    {
        IReadOnlyList<double?>[] figures = [.. _figures.Select(figure => (double?[])
            [.. Enumerable.Range(0, PageHistory.Steps).Select(i => figure[Index(step + i)])])];
        return new(type, figures[0], figures[1], figures[2], figures[3], figures[4]);
    }

    private static int Index(long step) => (int)(step % PageHistory.Steps);
}

/// <summary>How long acknowledgements took, counted in buckets of which each ends 8 % above the one before.</summary>
internal sealed class AckTimes
{
    private const int PerDoubling = 9;
    private const double Shortest = 1e-6;

    // From a microsecond to more than two minutes.
    private readonly int[] _counts = new int[27 * PerDoubling];

    public void Add(double seconds)
        => Interlocked.Increment(
            ref _counts[seconds > Shortest ? Math.Min((int)(Math.Log2(seconds / Shortest) * PerDoubling), _counts.Length - 1) : 0]);

    /// <summary>The time that so many of them kept to; null where there are none.</summary>
    public double? Percentile(double part)
    {
        var left = _counts.Sum(static count => (long)count) * part;
        if (left == 0)
        {
            return null;
        }

        var bucket = 0;
        while ((left -= _counts[bucket]) > 0)
        {
            bucket++;
        }

        return Shortest * Math.Pow(2, (bucket + 1.0) / PerDoubling);
    }
}
