using WriteBehind.Status;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The status as JSON has it: durations are seconds.</summary>
internal sealed record StatusDocument(
    IReadOnlyList<TypeDocument> Types, DurabilityStatus Durability, IReadOnlyList<LoopStatus> Loops)
{
    public static StatusDocument From(EngineStatus status) =>
        new([.. status.Types.Select(TypeDocument.From)], status.Durability, status.Loops);
}
