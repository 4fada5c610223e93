using System.Text.Json;

namespace Proof.Processes;

/// <summary>Asks a service how it is doing, over the operator's endpoints.</summary>
public sealed class StatusClient(HttpClient http)
{
    public async Task<ServiceStatus> GetAsync(Uri service, CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync(new Uri(service, "/writebehind/status"), cancellationToken);
        answer.EnsureSuccessStatusCode();
        using var json = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancellationToken));
        long dirty = 0, letters = 0, rows = 0;
        foreach (var type in json.RootElement.GetProperty("types").EnumerateArray())
        {
            dirty += type.GetProperty("dirty").GetInt64();
            letters += type.GetProperty("deadLetters").GetInt64();
            rows += type.GetProperty("counters").GetProperty("rowsApplied").GetInt64();
        }

        return new(dirty, letters, rows);
    }
}
