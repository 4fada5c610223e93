namespace WriteBehind.EntityFrameworkCore.Tests;

public sealed class EntityIdTests
{
    [Theory]
    [InlineData("a", "a")]
    [InlineData("eu|7", "eu", "7")]
    [InlineData("|", "", "")]
    [InlineData(@"a\|b|\\", "a|b", @"\")]
    [InlineData(@"\\\||x", @"\|", "x")]
    [InlineData("😀|é\n", "😀", "é\n")]
    public void Parts_become_one_id_and_come_back(string id, params string[] parts)
    {
        Assert.Equal(id, EntityId.Compose(parts));
        Assert.Equal(parts, EntityId.Split(id));
    }

    [Theory]
    [InlineData(@"a\")]
    [InlineData(@"a\b")]
    [InlineData(@"x|\y")]
    public void A_text_that_no_parts_make_is_no_composed_id(string id)
    {
        Assert.False(EntityId.TrySplit(id, out _));
        Assert.Throws<FormatException>(() => EntityId.Split(id));
    }

    [Fact]
    public void An_id_needs_at_least_one_part() => Assert.Throws<ArgumentException>(() => EntityId.Compose());
}
