using System.Globalization;
using Chaos.Histories;
using WriteBehind;

namespace Chaos.Silos;

/// <summary>
/// Callers that restock products and count views; some of the calls under an operation id, which is repeated until it is answered.
/// </summary>
/// <param name="caller">How they call.</param>
/// <param name="history">Notes what they were told.</param>
/// <param name="callers">How many there are.</param>
/// <param name="seed">What their calls are drawn from.</param>
/// <param name="epoch">When the run began.</param>
internal sealed class SiloLoad(ICaller caller, HistoryWriter history, int callers, int seed, long epoch) : IDisposable
{
    private const int Entities = 3;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan Generation = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;

    public void Start() => _running = Task.WhenAll(
        Enumerable.Range(0, callers).Select(number => Task.Run(() => CallAsync(new Random((seed * 31) + number)))));

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    public void Dispose() => _stop.Dispose();

    private async Task CallAsync(Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            var key = string.Create(
                CultureInfo.InvariantCulture, $"{random.Next(Entities)}-{(Clock.Now - epoch) / Clock.Ticks(Generation)}");
            await (random.Next(10) switch
            {
                < 3 => AddAsync(random, "stock", key),
                < 5 => AddOnceAsync(random, "stock", key),
                < 6 => ReadAsync(random, "stock", key),
                < 8 => AddAsync(random, "views", key),
                < 9 => AddOnceAsync(random, "views", key),
                _ => ReadAsync(random, "views", key),
            });
            await PauseAsync(LongestPause * random.NextDouble());
        }
    }

    private Task<Outcome> AddAsync(Random random, string type, string key)
    {
        var amount = random.Next(1, 50);
        return NoteAsync(Operations.Add, $"{type}/{key}", $"{amount}", () => caller.AddAsync(random, type, key, amount, null), null);
    }

    /// <summary>
    /// Repeats until it is answered, and sometimes once more; or until it is told that nobody can tell any more whether it counted.
    /// </summary>
    private async Task AddOnceAsync(Random random, string type, string key)
    {
        var (operation, amount, deadline) = (OperationId.New(), random.Next(1, 50), Clock.Now + Clock.Ticks(Patience));
        var isForgotten = false;
        for (var left = random.Next(2); left >= 0 && !isForgotten && Clock.Now < deadline && !_stop.IsCancellationRequested;)
        {
            var outcome = await NoteAsync(
                Operations.AddOnce,
                $"{type}/{key}",
                $"{amount}/{operation}",
                () => caller.AddAsync(random, type, key, amount, operation),
                error => isForgotten = caller.IsForgotten(error));
            left -= outcome == Outcome.Ok ? 1 : 0;
            await PauseAsync(TimeSpan.FromMilliseconds(50));
        }
    }

    private Task<Outcome> ReadAsync(Random random, string type, string key)
        => NoteAsync(Operations.ReadSum, $"{type}/{key}", "", () => caller.ReadAsync(random, type, key), null);

    private async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop ends.
        }
    }

    private Task<Outcome> NoteAsync(string operation, string key, string value, Func<Task<string>> call, Action<Exception>? hear)
        => history.NoteAsync(
            operation,
            key,
            value,
            call,
            error =>
            {
                hear?.Invoke(error);
                return caller.OutcomeOf(error);
            },
            caller.IsExpected);
}
