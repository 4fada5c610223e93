namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A composite key of three types.</summary>
internal sealed class Membership
{
    public string Tenant { get; set; } = "";

    public short Room { get; set; }

    public Guid Member { get; set; }

    public int Points { get; set; }
}
