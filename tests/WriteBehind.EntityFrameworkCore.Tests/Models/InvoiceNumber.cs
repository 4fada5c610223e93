namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal readonly record struct InvoiceNumber(long Value);
