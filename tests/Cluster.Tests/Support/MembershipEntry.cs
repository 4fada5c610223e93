using System.Text.Json;

namespace Cluster.Tests.Support;

/// <summary>An entry of the membership table as Orleans keeps it in Redis.</summary>
internal static class MembershipEntry
{
    /// <summary>Whether it tells of a silo that is dead.</summary>
    public static bool IsDead(string json)
    {
        using var entry = JsonDocument.Parse(json);
        var status = entry.RootElement.GetProperty("Status");
        return status.ValueKind == JsonValueKind.Number
            ? status.GetInt32() == (int)SiloStatus.Dead
            : status.GetString() == nameof(SiloStatus.Dead);
    }
}
