using BenchmarkDotNet.Attributes;
using WriteBehind.Benchmarks.Groups;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>Acknowledged writes; what matters is what they allocate. PostgreSQL does not follow here.</summary>
public class WritePath
{
    private const int InFlight = 256;

    private readonly string[] _ids = ProductIds.Create(InFlight, "micro");
    private readonly Task[] _tasks = new Task[InFlight];
    private EngineHost? _engine;
    private ScriptPerWrite? _script;
    private IEntitySession<Product>[] _sessions = [];
    private Product[] _products = [];

    [GlobalSetup]
    public async Task SetUpAsync()
    {
        _engine = await EngineHost.StartAsync(MicroWorkspace.Current, sweeps: false);
        _sessions = Array.ConvertAll(_ids, _engine.Store.OpenSession);
        _products = Array.ConvertAll(_ids, Product.New);
        await Task.WhenAll(_sessions.Select(session => session.LoadAsync()));
        _script = await ScriptPerWrite.ConnectAsync(
            MicroWorkspace.Servers,
            MicroWorkspace.Current,
            _engine.Options,
            ProductIds.Create(InFlight, Guid.NewGuid().ToString("n"))); // Every benchmark sets up anew, and begins with version 1.
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = InFlight, Description = "one script call per write, 256 in flight")]
    public Task ScriptAsync()
    {
        for (var i = 0; i < InFlight; i++)
        {
            _tasks[i] = _script!.WriteAsync(i);
        }

        return Task.WhenAll(_tasks);
    }

    [Benchmark(OperationsPerInvoke = InFlight, Description = "sessions, 256 in flight")]
    public Task SessionsAsync()
    {
        for (var i = 0; i < InFlight; i++)
        {
            _tasks[i] = _sessions[i].SaveAsync(_products[i].Add(1));
        }

        return Task.WhenAll(_tasks);
    }

    [Benchmark(Description = "one session, one in flight")]
    public Task<long> SessionAsync() => _sessions[0].SaveAsync(_products[0].Add(1));

    /// <summary>What of that is the round trip and the client library: the same, at its barest.</summary>
    [Benchmark(Description = "one script call, one in flight")]
    public Task OneScriptAsync() => _script!.WriteAsync(0);

    [GlobalCleanup]
    public async Task CleanUpAsync()
    {
        await _script!.DisposeAsync();
        await _engine!.DisposeAsync();
    }
}
