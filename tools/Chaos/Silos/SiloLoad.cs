using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chaos.Histories;
using WriteBehind;

namespace Chaos.Silos;

/// <summary>
/// Callers that restock products and count views over HTTP, each at any of the silos; some of the calls under a key, which is repeated at
/// another silo until it is answered.
/// </summary>
internal sealed class SiloLoad(IReadOnlyList<SiloProcess> silos, HistoryWriter history, int seed) : IDisposable
{
    private static readonly HttpStatusCode[] Expected =
    [
        HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout, HttpStatusCode.Conflict, HttpStatusCode.Gone,
    ];

    private const int Callers = 12;
    private const int Entities = 3;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(60);
    private static readonly TimeSpan Generation = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly CancellationTokenSource _stop = new();
    private readonly long _epoch = Clock.Now;
    private Task _running = Task.CompletedTask;

    public void Start() => _running = Task.WhenAll(
        Enumerable.Range(0, Callers).Select(caller => Task.Run(() => CallAsync(new Random((seed * 31) + caller)))));

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
                CultureInfo.InvariantCulture, $"{random.Next(Entities)}-{(Clock.Now - _epoch) / Clock.Ticks(Generation)}");
            await (random.Next(10) switch
            {
                < 3 => AddAsync(random, Operations.Add, "stock", key, null),
                < 5 => AddOnceAsync(random, "stock", key),
                < 6 => ReadAsync(random, "stock", key),
                < 8 => AddAsync(random, Operations.Add, "views", key, null),
                < 9 => AddOnceAsync(random, "views", key),
                _ => ReadAsync(random, "views", key),
            });
            await PauseAsync(LongestPause * random.NextDouble());
        }
    }

    private Task<Outcome> AddAsync(Random random, string operation, string type, string key, string? once, int? amount = null)
    {
        var count = amount ?? random.Next(1, 50);
        return NoteAsync(operation, $"{type}/{key}", once is null ? $"{count}" : $"{count}/{once}", async token =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, type == "stock" ? $"/stock/{key}/restock" : $"/views/{key}")
            {
                Content = type == "stock" ? JsonContent.Create(new { quantity = count }) : JsonContent.Create(new { count }),
            };
            if (once is not null)
            {
                request.Headers.TryAddWithoutValidation("Idempotency-Key", $"\"{once}\"");
            }

            using var answer = await Any(random).SendAsync(request, token);
            return await CountAsync(answer, type, token);
        });
    }

    private async Task AddOnceAsync(Random random, string type, string key)
    {
        var (operation, amount, deadline) = (OperationId.New(), random.Next(1, 50), Clock.Now + Clock.Ticks(Patience));
        for (var left = random.Next(2); left >= 0 && Clock.Now < deadline && !_stop.IsCancellationRequested;)
        {
            left -= await AddAsync(random, Operations.AddOnce, type, key, operation, amount) == Outcome.Ok ? 1 : 0;
            await PauseAsync(TimeSpan.FromMilliseconds(50));
        }
    }

    private Task<Outcome> ReadAsync(Random random, string type, string key)
        => NoteAsync(Operations.ReadSum, $"{type}/{key}", "", async token =>
        {
            using var answer = await Any(random).GetAsync(new Uri($"/{type}/{key}", UriKind.Relative), token);
            return answer.StatusCode == HttpStatusCode.NotFound ? "0" : await CountAsync(answer, type, token);
        });

    private HttpClient Any(Random random) => silos[random.Next(silos.Count)].Http;

    /// <summary>How many pieces were moved, or views counted, so far: of stock the number of movements, of views their sum.</summary>
    private static async Task<string> CountAsync(HttpResponseMessage answer, string type, CancellationToken token)
    {
        var body = await answer.Content.ReadAsStringAsync(token);
        if (!answer.IsSuccessStatusCode)
        {
            throw new RefusedException(answer.StatusCode, body);
        }

        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        return (root.ValueKind == JsonValueKind.Number ? root : root.GetProperty(type == "stock" ? "movements" : "count")).ToString();
    }

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

    private Task<Outcome> NoteAsync(string operation, string key, string value, Func<CancellationToken, Task<string>> call)
        => history.NoteAsync(operation, key, value, () => call(CancellationToken.None), OutcomeOf, IsExpected);

    /// <summary>Only what says so itself had no effect.</summary>
    private static Outcome OutcomeOf(Exception error)
        => error is RefusedException { OutcomeUnknown: false } ? Outcome.Failed : Outcome.Unknown;

    /// <summary>
    /// A silo that is away; or an answer that says what to do: try again, or (410) look, as nobody can tell any more whether Redis
    /// knows all operations of that time (docs/operations-once.md).
    /// </summary>
    private static bool IsExpected(Exception error)
        => error is HttpRequestException or OperationCanceledException or IOException
            || (error is RefusedException refused && Expected.Contains(refused.Status));

    /// <summary>An answer that is an error.</summary>
    private sealed class RefusedException(HttpStatusCode status, string body) : Exception($"{(int)status}: {body}")
    {
        public HttpStatusCode Status => status;

        /// <summary>Whether the answer does not say for certain that there was no effect.</summary>
        public bool OutcomeUnknown => !body.Contains("\"outcomeUnknown\":false", StringComparison.Ordinal);
    }
}
