using Chaos.Checks;
using Chaos.Faults;
using Chaos.Histories;
using Microsoft.EntityFrameworkCore;

namespace Chaos.Workers;

/// <summary>Three processes that use the engine.</summary>
internal sealed class Engines : ISubject
{
    private readonly Place _place;
    private readonly Worker[] _workers;

    public Engines(Place place, string folder, int seed)
    {
        _place = place;
        var epoch = Clock.Now;
        _workers =
        [
            .. Enumerable.Range(0, Place.Links).Select(i => new Worker($"worker-{i}", life => new(
                $"worker-{i}-{life}", place.RedisOf(i), place.PostgresOf(i), place.Direct, folder, (seed * 1_000) + (i * 100) + life,
                place.Replicas, epoch))),
        ];
    }

    public IReadOnlyList<IVictim> Victims => _workers;

    public IReadOnlyList<string> Tables { get; } = ["chains", "registers", "sums"];

    /// <summary>A drain, what a stop may take beside it, and a machine that stands still.</summary>
    public TimeSpan LongestStop => Terms.DrainTimeout + TimeSpan.FromSeconds(16);

    public async Task StartAsync()
    {
        await using (var context = new ChaosContext(new DbContextOptionsBuilder<ChaosContext>().UseNpgsql(_place.Direct).Options))
        {
            await context.Database.EnsureCreatedAsync();
        }

        await _place.AuditAsync(Tables, "id");
        await Task.WhenAll(_workers.Select(static worker => worker.StartAsync()));
    }

    public Task EndLoadAsync() => Task.WhenAll(_workers.Select(static worker => worker.EndLoadAsync()));

    public async Task<Left?> StatusAsync()
    {
        var statuses = await Task.WhenAll(_workers.Select(static worker => worker.StatusAsync()));
        return Array.Exists(statuses, static status => status is null)
            ? null
            : new(statuses.Max(static status => status!.Dirty), statuses[0]!.Letters);
    }

    public async Task<(IReadOnlyList<Event> Calls, List<Finding> Findings)> JudgeAsync(string folder, IReadOnlyList<string> letters)
    {
        var history = History.Read(folder);
        var findings = await Judge.RunAsync(_place, history, letters);
        return ([.. history.Events.Where(static call => call.Operation != Operations.Told)], findings);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync();
        }
    }
}
