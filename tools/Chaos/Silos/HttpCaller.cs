using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chaos.Histories;

namespace Chaos.Silos;

/// <summary>Calls over HTTP, each at any of the silos.</summary>
internal sealed class HttpCaller(IReadOnlyList<SiloProcess> silos) : ICaller
{
    private static readonly HttpStatusCode[] Expected =
    [
        HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout, HttpStatusCode.Conflict, HttpStatusCode.Gone,
    ];

    public async Task<string> AddAsync(Random random, string type, string key, int amount, string? operation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, type == "stock" ? $"/stock/{key}/restock" : $"/views/{key}")
        {
            Content = type == "stock" ? JsonContent.Create(new { quantity = amount }) : JsonContent.Create(new { count = amount }),
        };
        if (operation is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", $"\"{operation}\"");
        }

        using var answer = await Any(random).SendAsync(request);
        return await CountAsync(answer, type);
    }

    public async Task<string> ReadAsync(Random random, string type, string key)
    {
        using var answer = await Any(random).GetAsync(new Uri($"/{type}/{key}", UriKind.Relative));
        return answer.StatusCode == HttpStatusCode.NotFound ? "0" : await CountAsync(answer, type);
    }

    /// <summary>Only what says so itself had no effect.</summary>
    public Outcome OutcomeOf(Exception error)
        => error is ErrorAnswerException { OutcomeUnknown: false } ? Outcome.Failed : Outcome.Unknown;

    /// <summary>A silo that is away; or an answer that says what to do: try again, or (410) look.</summary>
    public bool IsExpected(Exception error)
        => error is HttpRequestException or OperationCanceledException or IOException
            || (error is ErrorAnswerException refused && Expected.Contains(refused.Status));

    public bool IsForgotten(Exception error) => error is ErrorAnswerException { Status: HttpStatusCode.Gone };

    private HttpClient Any(Random random) => silos[random.Next(silos.Count)].Http;

    /// <summary>How many pieces were moved, or views counted, so far: of stock the number of movements, of views their sum.</summary>
    private static async Task<string> CountAsync(HttpResponseMessage answer, string type)
    {
        var body = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode)
        {
            throw new ErrorAnswerException(answer.StatusCode, body);
        }

        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        return (root.ValueKind == JsonValueKind.Number ? root : root.GetProperty(type == "stock" ? "movements" : "count")).ToString();
    }

    /// <summary>An answer that is an error.</summary>
    private sealed class ErrorAnswerException(HttpStatusCode status, string body) : Exception($"{(int)status}: {body}")
    {
        public HttpStatusCode Status => status;

        /// <summary>Whether the answer does not say for certain that there was no effect.</summary>
        public bool OutcomeUnknown => !body.Contains("\"outcomeUnknown\":false", StringComparison.Ordinal);
    }
}
