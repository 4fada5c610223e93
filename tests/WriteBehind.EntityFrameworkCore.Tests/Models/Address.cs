namespace WriteBehind.EntityFrameworkCore.Tests.Models;

internal sealed class Address
{
    public string Street { get; set; } = "";

    public string City { get; set; } = "";
}
