using System.Text.Json;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>A dead letter with its state: as it is where it is JSON, in base 64 where it is not.</summary>
internal sealed record DeadLetterDocument(DeadLetter Letter, bool IsDelete, JsonElement? State, string? StateBase64)
{
    public static DeadLetterDocument From(DeadLetterDetail detail)
    {
        if (detail.Payload is not { } payload)
        {
            return new(detail.Letter, detail.IsDelete, null, null);
        }

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

/// <summary>What was done to dead letters.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Id">The entity; null where it was done to all of the type.</param>
/// <param name="Action"><c>retried</c> or <c>discarded</c>.</param>
/// <param name="Count">To how many.</param>
internal sealed record DeadLetterAction(string Type, string? Id, string Action, long Count);

/// <summary>The dead letters of a type, or the first of them.</summary>
internal sealed record DeadLetterList(string Type, int Limit, IReadOnlyList<DeadLetter> Letters);
