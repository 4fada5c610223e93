using System.Text;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Buffer;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Poison;

/// <summary>Letters of other releases, and letters that change while somebody deals with them.</summary>
public sealed class LetterEdgeTests : IAsyncLifetime
{
    private TestEngine _engine = null!;
    private BufferView _buffer = null!;
    private RedisServer _redis = null!;

    private IDeadLetters Letters => _engine.Engine.DeadLetters;

    public async Task InitializeAsync()
    {
        _engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        _buffer = await BufferView.OfAsync(_engine);
        _redis = await SharedServers.RedisAsync();
    }

    public async Task DisposeAsync() => await _engine.DisposeAsync();

    [Fact]
    public async Task A_letter_of_a_newer_release_is_shown_retried_and_discarded_and_hides_no_other()
    {
        await DieAsync("a");
        await DieAsync("b");
        foreach (var id in new[] { "a", "b" })
        {
            var letter = await LetterAsync(id);
            await PutAsync(id, letter.Insert(1, """ "reason":"Quarantined","since":{"by":"a later release"}, """));
        }

        Assert.Equal(["a", "b"], (await Letters.ListAsync("item")).Select(static letter => letter.Id).Order());
        var shown = (await Letters.ShowAsync("item", "a"))!;
        Assert.Equal((DeadLetterReason.Unknown, 1), (shown.Letter.Reason, shown.Letter.Version));
        Assert.Contains("Quarantined", shown.Letter.Error, StringComparison.Ordinal);
        Assert.Contains(Item.TooLongNote, Encoding.UTF8.GetString(shown.Payload!.Value.Span), StringComparison.Ordinal);
        Assert.True(await Letters.RetryAsync("item", "a"));
        Assert.True(await _buffer.IsDirtyAsync("a"));
        Assert.True(await Letters.DiscardAsync("item", "b"));
        Assert.Null(await _buffer.VersionAsync("b"));
    }

    [Theory]
    [InlineData("""{"v":{"major":1}}""")]
    [InlineData("not even JSON")]
    [InlineData("""["v", 2]""")]
    [InlineData("")]
    public async Task A_letter_that_cannot_be_read_is_shown_as_that_and_stays_until_its_own_release_deals_with_it(string letter)
    {
        await DieAsync("a");
        await DieAsync("b");
        await PutAsync("a", letter);

        Assert.Equal(2, (await Letters.ListAsync("item")).Count);
        Assert.Equal(DeadLetterReason.Unknown, (await Letters.ShowAsync("item", "a"))!.Letter.Reason);
        Assert.Equal("a", (await Assert.ThrowsAsync<PayloadException>(() => Letters.RetryAsync("item", "a"))).EntityId);
        await Assert.ThrowsAsync<PayloadException>(() => Letters.DiscardAsync("item", "a"));
        Assert.Equal(1, await Letters.RetryAllAsync("item"));
        Assert.Equal(letter, await LetterAsync("a"));
        Assert.Equal(1, await _buffer.VersionAsync("a"));
    }

    [Fact]
    public async Task A_discard_drops_the_letter_that_was_looked_at_and_no_later_one()
    {
        await DieAsync("a");
        var looked = await LetterAsync("a");
        Assert.True(await Letters.RetryAsync("item", "a"));
        Assert.False(await DiscardAsync("a", looked), "it was revived");
        Assert.True(await _buffer.IsDirtyAsync("a"));
        await _engine.Items.SetAsync("a", new Item(2, Item.TooLongNote));
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.FlushAsync("a"));

        Assert.False(await DiscardAsync("a", looked), "another letter is there");

        Assert.Equal(2, (await Letters.ShowAsync("item", "a"))!.Letter.Version);
        Assert.Equal(2, await _buffer.VersionAsync("a"));
        Assert.True(await Letters.DiscardAsync("item", "a"));
        Assert.False(await Letters.DiscardAsync("item", "a"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_all_who_retry_or_discard_a_letter_at_once_exactly_one_is_told_that_he_did(bool isFenced)
    {
        for (var round = 0; round < 20; round++)
        {
            var id = $"r{round}";
            await (isFenced ? DieFencedAsync(id) : DieAsync(id));

            var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(
                i => i % 2 == 0 ? Letters.RetryAsync("item", id) : Letters.DiscardAsync("item", id)));

            Assert.Single(answers, static done => done);
            Assert.Null(await Letters.ShowAsync("item", id));
            Assert.Equal(Array.IndexOf(answers, true) % 2 == 0, await _buffer.IsDirtyAsync(id));
        }
    }

    [Fact]
    public async Task A_letter_whose_state_is_being_written_anew_is_not_discarded_meanwhile_and_can_be_where_that_failed()
    {
        await DieFencedAsync("a");
        var step = _engine.Gate.HoldAt(ProtocolStep.BeforeWrite, id: "a");
        var retry = Letters.RetryAsync("item", "a");
        await step.ReachedAsync();

        Assert.False(await Letters.DiscardAsync("item", "a"));
        Assert.False(await Letters.RetryAsync("item", "a"));
        step.Release();
        Assert.True(await retry);
        Assert.True(await _buffer.IsDirtyAsync("a"));

        await DieFencedAsync("b");
        _engine.Gate.FailAt(ProtocolStep.BeforeWrite, new InvalidOperationException("a mistake (test)"), id: "b");
        await Assert.ThrowsAsync<InvalidOperationException>(() => Letters.RetryAsync("item", "b"));
        Assert.True(await Letters.DiscardAsync("item", "b"));
    }

    /// <summary>The second half of a discard, after others did something in between.</summary>
    private async Task<bool> DiscardAsync(string id, string looked)
    {
        var letter = StoredLetter.FromBytes(Encoding.UTF8.GetBytes(looked));
        var keys = _buffer.Keys[_buffer.Keys.ShardOf(id)];
        var reply = await DeadLetterScripts.Discard.RunAsync(
            _engine.Services.GetRequiredService<RedisConnections>(),
            [keys.Dirty, keys.Dead, keys.Entity(id), keys.Fence(id), keys.Retry(id)],
            [id, letter.MarkField, letter.Mark, letter.Version + 1, 60_000, looked],
            CancellationToken.None);
        return reply.NextFlag();
    }

    private Task<string?> PutAsync(string id, string letter) => _redis.SendAsync("HSET", Dead(id), id, letter);

    private async Task<string> LetterAsync(string id) => (await _redis.SendAsync("HGET", Dead(id), id))!;

    private string Dead(string id) => _buffer.Keys[_buffer.Keys.ShardOf(id)].Dead!;

    /// <summary>Its state is in the letter alone.</summary>
    private async Task DieFencedAsync(string id)
    {
        await _engine.Items.SetAsync(id, new Item(1));
        await _engine.Table.PutAsync(new ItemRow(id, Version: 1, Quantity: 99, Note: null));
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.FlushAsync(id));
    }

    private async Task DieAsync(string id)
    {
        await _engine.Items.SetAsync(id, new Item(1, Item.TooLongNote));
        await Assert.ThrowsAsync<EntityRejectedException>(() => _engine.FlushAsync(id));
    }
}
