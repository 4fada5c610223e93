using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

public sealed class TrackedVersionGuardTests(Database database) : VersionGuardTests<Article>(database), IClassFixture<Database>
{
    private protected override string FreshId() => $"{FreshNumber()}";

    private protected override Article State(string text) => new() { Title = text, Tags = [text] };

    private protected override string Text(Article state) => state.Tags.Single();
}
