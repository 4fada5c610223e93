using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>One health check's answer as JSON has it.</summary>
internal sealed record HealthEntryDocument(HealthStatus Status, string? Description);
