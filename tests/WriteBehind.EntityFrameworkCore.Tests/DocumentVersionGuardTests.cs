using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

public sealed class DocumentVersionGuardTests(Database database) : VersionGuardTests<Game>(database), IClassFixture<Database>
{
    private protected override string FreshId() => $"game {FreshNumber()}";

    private protected override Game State(string text) => new(text, 1, []);

    private protected override string Text(Game state) => state.Title;
}
