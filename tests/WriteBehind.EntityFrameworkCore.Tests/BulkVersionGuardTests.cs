using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

public sealed class BulkVersionGuardTests(Database database) : VersionGuardTests<Product>(database), IClassFixture<Database>
{
    private protected override string FreshId() => $"{FreshNumber()}";

    private protected override Product State(string text) => new() { Name = text };

    private protected override string Text(Product state) => state.Name;
}
