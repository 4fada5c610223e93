namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A key that is GENERATED ALWAYS AS IDENTITY.</summary>
internal sealed class Ticket
{
    public long Id { get; set; }

    public string Subject { get; set; } = "";
}
