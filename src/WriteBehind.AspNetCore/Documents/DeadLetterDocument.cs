using System.Text.Json;
using WriteBehind.DeadLetters;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>A dead letter with its state: as it is where it is JSON, in base 64 where it is not.</summary>
internal sealed record DeadLetterDocument(DeadLetter Letter, bool IsDelete, JsonElement? State, string? StateBase64)
{
    public static DeadLetterDocument From(DeadLetterDetail detail)
    {
        if (detail.Payload is not { } payload)
            return new(detail.Letter, detail.IsDelete, null, null);

        try
        {
            using var json = JsonDocument.Parse(payload);
            return new(detail.Letter, detail.IsDelete, json.RootElement.Clone(), null);
        }
        catch (JsonException)
        {
            return new(detail.Letter, detail.IsDelete, null, Convert.ToBase64String(payload.Span));
        }
    }
}
