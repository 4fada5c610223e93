namespace WriteBehind.EntityFrameworkCore.Tests.Models;

/// <summary>A key behind a value converter, a version of its own, and columns that the database has a say in.</summary>
internal sealed class Invoice
{
    public InvoiceNumber Number { get; set; }

    public long Revision { get; set; }

    public string Title { get; set; } = "";

    /// <summary>The column's default is 5, but what the state says counts.</summary>
    public int Priority { get; set; }

    /// <summary>Filled by the database's clock.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Computed by the database.</summary>
    public string Shouted { get; set; } = "";

    /// <summary>Written with the first flush only.</summary>
    public string Origin { get; set; } = "";

    /// <summary>An alternate key.</summary>
    public string Code { get; set; } = "";

    /// <summary>PostgreSQL's xmin.</summary>
    public uint Token { get; set; }
}
