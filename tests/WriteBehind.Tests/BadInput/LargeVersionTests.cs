using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.BadInput;

public sealed class LargeVersionTests
{
    // Around 2^53, where a script's numbers would stop to be exact, and where the number of digits grows.
    [Theory]
    [InlineData(9)]
    [InlineData(199)]
    [InlineData(999_999)]
    [InlineData((1L << 53) - 2)]
    [InlineData(1L << 53)]
    [InlineData((1L << 53) + 1)]
    [InlineData(638_999_999_999_999_999)]
    [InlineData(999_999_999_999_999_999)]
    [InlineData(long.MaxValue - 10)]
    public async Task Versions_that_a_row_brings_along_grow_by_one_however_large_they_are(long version)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", version, Quantity: 0, Note: null));

        for (var i = 1; i <= 3; i++)
        {
            var written = await engine.Items.UpdateAsync("a", static item => item! with { Quantity = item.Quantity + 1 });
            Assert.Equal(version + i, written!.Version);
        }

        await engine.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", version + 3, 3, null), await engine.Table.RowAsync("a"));

        // Now there is a fence only.
        Assert.Equal(version + 4, await engine.Items.SetAsync("a", new Item(4), expectedVersion: version + 3));
        await engine.Items.FlushAsync("a");
        Assert.Equal(new ItemRow("a", version + 4, 4, null), await engine.Table.RowAsync("a"));
    }

    [Theory]
    [InlineData(long.MaxValue - 1)]
    [InlineData(long.MaxValue)]
    public async Task A_row_with_the_last_version_there_is_can_be_read_and_is_not_written(long version)
    {
        await using var engine = await TestEngine.StartAsync();
        await engine.Table.PutAsync(new ItemRow("a", version, 1, null));

        Assert.Equal(version, (await engine.Items.GetAsync("a"))!.Version);
        var error = await Assert.ThrowsAsync<OverflowException>(
            () => engine.Items.UpdateAsync("a", state => new Item(state!.Quantity + 1)));
        Assert.Contains("item 'a'", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }
}
