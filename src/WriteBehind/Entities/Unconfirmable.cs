namespace WriteBehind.Entities;

/// <summary>The error of a write whose version could not be confirmed quickly enough, as often as it was tried.</summary>
internal static class Unconfirmable
{
    public static BufferUnavailableException After(EntityTypeOptions options, string id, int attempts) => new(
        $"{options.Type} '{id}' was not written: its version could not be confirmed within FenceTime ({options.FenceTime}), {attempts} times in a row. " +
        "PostgreSQL answers too slowly, or Redis keeps being emptied.",
        entityType: options.Type,
        entityId: id);
}
