namespace WriteBehind.AspNetCore.Documents;

/// <summary>What was done to dead letters.</summary>
/// <param name="Type">The entity type.</param>
/// <param name="Id">The entity; null where it was done to all of the type.</param>
/// <param name="Action"><c>retried</c> or <c>discarded</c>.</param>
/// <param name="Count">To how many.</param>
internal sealed record DeadLetterAction(string Type, string? Id, string Action, long Count);
