using System.Net.Http.Json;
using System.Text.Json;
using Chaos.Checks;
using Chaos.Faults;
using Chaos.Histories;

namespace Chaos.Silos;

/// <summary>Three silos whose grains are called over HTTP, and by two processes through the Orleans client.</summary>
internal sealed class SiloCluster : ISubject
{
    private const int HttpCallers = 8;
    private const int Clients = 2;

    private readonly Place _place;
    private readonly SiloProcess[] _silos;
    private readonly HistoryWriter _history;
    private readonly SiloLoad _load;
    private readonly SiloClient[] _clients;

    public SiloCluster(Place place, string folder, int seed)
    {
        _place = place;
        var (program, epoch) = (Program(), Clock.Now);
        _silos = [.. Enumerable.Range(0, Place.Links).Select(i => new SiloProcess(program, place, i))];
        _history = new HistoryWriter(Path.Combine(folder, "http.jsonl"), "http");
        _load = new SiloLoad(new HttpCaller(_silos), _history, HttpCallers, seed, epoch);
        _clients = [.. Enumerable.Range(1, Clients).Select(i => new SiloClient($"client-{i}", folder, _silos, seed + (1_000 * i), epoch))];
    }

    public IReadOnlyList<IVictim> Victims => _silos;

    public IReadOnlyList<string> Tables { get; } = ["shop.stock", "shop.views"];

    /// <summary>A drain of 10 s, a silo's goodbye to the others, who may not answer, and a machine that stands still.</summary>
    public TimeSpan LongestStop => TimeSpan.FromSeconds(75);

    public async Task StartAsync()
    {
        // The first one alone: silos that start together in an empty cluster may each take a while to agree on who is there.
        await _silos[0].StartAsync();
        await Task.WhenAll(_silos.Skip(1).Select(static silo => silo.StartAsync()));
        await _place.AuditAsync(["shop.stock"], "id");
        await _place.AuditAsync(["shop.views"], "page");
        await Task.WhenAll(_clients.Select(static client => client.StartAsync()));
        _load.Start();
    }

    public async Task EndLoadAsync()
    {
        foreach (var silo in _silos.Where(static silo => silo.Id is null))
        {
            await silo.StartAsync();
        }

        await Task.WhenAll(_clients.Select(static client => client.StopAsync()).Append(_load.StopAsync()));
    }

    public async Task<Left?> StatusAsync()
    {
        var (dirty, letters) = (0L, new SortedSet<string>());
        foreach (var silo in _silos)
        {
            var status = await silo.Http.GetFromJsonAsync<JsonElement>(new Uri("/writebehind/status", UriKind.Relative));
            foreach (var type in status.GetProperty("types").EnumerateArray())
            {
                dirty = Math.Max(dirty, type.GetProperty("dirty").GetInt64());
                if (type.GetProperty("deadLetters").GetInt64() is > 0 and var count)
                {
                    letters.Add($"{type.GetProperty("type").GetString()} ({count})");
                }
            }
        }

        return new(dirty, [.. letters]);
    }

    public async Task<(IReadOnlyList<Event> Calls, List<Finding> Findings)> JudgeAsync(string folder, IReadOnlyList<string> letters)
    {
        _history.Dispose();
        var history = History.Read(folder);
        var rows = (await _place.ReadAsync(
            "SELECT 'stock/' || id, quantity, movements FROM shop.stock UNION ALL SELECT 'views/' || page, count, count FROM shop.views",
            static row => (row.GetString(0), (Sum: row.GetInt64(1), Count: row.GetInt64(2))))).ToDictionary();
        List<Finding> findings = [.. history.Strange.Select(static what => new Finding("errors are typed", "caller", what))];
        foreach (var calls in history.ByKey(Operations.Add, Operations.AddOnce, Operations.ReadSum))
        {
            var row = rows.GetValueOrDefault(calls.Key);
            findings.AddRange(SumCheck.Run(calls.Key, [.. calls], row.Sum, Losses.None));
            findings.AddRange(SumCheck.Counts(calls.Key, [.. calls], row.Count));
        }

        findings.AddRange(AuditCheck.Run(await _place.ChangesAsync(), Losses.None));
        findings.AddRange(letters.Select(static letter => new Finding("no dead letters", letter, "there is one")));

        return (history.Events, findings);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _clients.Concat<IAsyncDisposable>(_silos))
        {
            await process.DisposeAsync();
        }

        _load.Dispose();
        _history.Dispose();
    }

    /// <summary>The silo as it was built for itself, beside this program.</summary>
    private static string Program()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var output = Path.Combine(folder.FullName, "Silo", "bin", "Debug", "net10.0", "Silo.dll");
            if (File.Exists(output))
            {
                return output;
            }
        }

        throw new InvalidOperationException("The silo is not built: dotnet build Silo.");
    }
}
