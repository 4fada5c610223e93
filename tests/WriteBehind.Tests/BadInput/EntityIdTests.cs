using System.Text.RegularExpressions;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.BadInput;

public sealed class EntityIdTests
{
    private static readonly string[] OddIds =
    [
        " ", "  two  spaces ", "a:b", "{a}", "{", "}", "{}", "a{b}c", "}{", "a\nb", "a\r\nb", "\t",
        "'", "\"", "a'b''c", "a\"b", "%", "%41", "100%",
        "\\", "a\\b", "/", "../..", "?a=b&c", "#", "*", "[a]", "$1", "@id", ";DROP TABLE items;--",
        "null", "0", "-1", "ä", "ß", "İ", "дом", "日本語",
        "עברית", "😀", "👩‍👩‍👧‍👦", "\u200b", "\ufeff", "\u0001", "\u007f", "\uffff", "e:a", "dirty",
    ];

    public static TheoryData<string?, string> Refused => new()
    {
        { null, "must not be empty" },
        { "", "must not be empty" },
        { """a\0b""", "NUL" },
        { """\ud83d""", "lone surrogate" },
        { """a\ude00b""", "lone surrogate" },
        { new string('a', 513), "at most 512 bytes" },
        { new string('ä', 257), "this one has 514" },
    };

    [Fact]
    public async Task Odd_ids_are_ids_like_any_other()
    {
        await using var engine = await TestEngine.StartAsync();
        string[] ids = [.. OddIds, new string('a', 512), new string('ä', 256), string.Concat(Enumerable.Repeat("😀", 128))];
        await Task.WhenAll(ids.Select((id, n) => engine.Items.SetAsync(id, new Item(n))));

        Assert.Equal(ids.Length, (await engine.Items.GetManyAsync(ids)).Count);
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);

        var rows = await engine.Table.RowsAsync();
        Assert.Equal(ids.Length, rows.Count);
        for (var n = 0; n < ids.Length; n++)
        {
            Assert.Equal(n, rows[ids[n]].Quantity);
            Assert.Equal(n, (await engine.Items.GetAsync(ids[n]))!.State.Quantity);
        }

        await Task.WhenAll(ids.Select(id => engine.Items.DeleteAsync(id)));
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);
        Assert.Empty(await engine.Table.RowsAsync());
    }

    [Fact]
    public async Task Ids_that_look_alike_are_different_entities()
    {
        string[] ids = ["é", "e\u0301", "a", "A", "а", "ﬁ", "fi", "Å", "\u212b", "a ", "1", "01", "ss", "ß", "i", "I", "ı"];
        await using var engine = await TestEngine.StartAsync();
        await Task.WhenAll(ids.Select((id, n) => engine.Items.SetAsync(id, new Item(n))));
        Assert.True((await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1))).IsClean);

        var rows = await engine.Table.RowsAsync();
        Assert.All(Enumerable.Range(0, ids.Length), n => Assert.Equal(n, rows[ids[n]].Quantity));
        var loaded = await engine.Items.GetManyAsync(ids);
        Assert.All(Enumerable.Range(0, ids.Length), n => Assert.Equal(n, loaded[ids[n]].State.Quantity));
    }

    [Fact]
    public async Task Odd_ids_can_be_dead_letters()
    {
        await using var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await Task.WhenAll(OddIds.Select(id => engine.Items.SetAsync(id, new Item(-1))));
        await engine.Engine.FlushAllAsync(TimeSpan.FromMinutes(1));

        var letters = await engine.Engine.DeadLetters.ListAsync("item", limit: 1_000);
        Assert.Equal(OddIds.Order(StringComparer.Ordinal), letters.Select(static letter => letter.Id).Order(StringComparer.Ordinal));
        Assert.NotNull(await engine.Engine.DeadLetters.ShowAsync("item", "{a}"));
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_can_be_no_id_is_refused_by_every_member_and_nothing_is_written(string? escaped, string reason)
    {
        // Escaped, as no test runner passes a lone surrogate on unharmed.
        var id = escaped is null ? null : Regex.Unescape(escaped);
        await using var engine = await TestEngine.StartAsync();
        Func<Task>[] calls =
        [
            () => engine.Items.GetAsync(id!),
            () => engine.Items.GetManyAsync([id!]),
            () => engine.Items.SetAsync(id!, new Item(1)),
            () => engine.Items.UpdateAsync(id!, static item => item),
            () => engine.Items.DeleteAsync(id!),
            () => engine.Items.FlushAsync(id!),
        ];
        foreach (var call in calls)
        {
            var error = await Assert.ThrowsAsync<InvalidEntityIdException>(call);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
            Assert.Equal("item", error.EntityType);
            Assert.True(error.Message.Length < 300, "a long id is shortened");
        }

        Assert.Equal(0, (await engine.StatusAsync()).Dirty);
    }
}
