namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>Mapped nowhere, and not always JSON.</summary>
internal sealed record Measurement(double Value);
