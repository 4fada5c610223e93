using WriteBehind.DeadLetters;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The dead letters of a type, or the first of them.</summary>
internal sealed record DeadLetterList(string Type, int Limit, IReadOnlyList<DeadLetter> Letters);
