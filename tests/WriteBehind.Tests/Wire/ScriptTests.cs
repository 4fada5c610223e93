using StackExchange.Redis;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Wire;

/// <summary>What a script object sends, and how it reads what comes back.</summary>
public sealed class ScriptTests
{
    [Fact]
    public void Notes_indentation_and_empty_lines_are_not_sent()
    {
        var script = new RedisScript(
            "local function one() return 1 end\n",
            """
            -- A note at the line it explains.
            local two = 2 -- and one behind a line

            --[[ a note over
                 two lines ]]
            if two - -1 == 3 then
              return one()
            end
            """);

        Assert.Equal("local function one() return 1 end\nlocal two = 2\nif two - -1 == 3 then\nreturn one()\nend", script.Text);
    }

    [Theory]
    [InlineData("return '-- no note'")]
    [InlineData("return \"it's -- no note\"")]
    [InlineData(@"return 'it\'s -- no note'")]
    [InlineData("return [[ -- no\n  note ]]")]
    [InlineData("return [==[ ]] -- no\n\n  note ]==]")]
    [InlineData("#!lua flags=allow-oom\nreturn a[b[1]] - c")]
    public void What_stands_in_quotes_or_long_brackets_is_sent_as_it_is(string text) => Assert.Equal(text, new RedisScript(text).Text);

    [Fact]
    public async Task A_script_is_sent_once_and_then_called_by_its_name()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        await engine.Items.SetAsync("a", new Item(1));

        using var monitor = await redis.MonitorAsync();
        await engine.Items.SetAsync("a", new Item(2));
        var commands = await monitor.StopAsync();

        Assert.Contains(commands, command => command.Name == "EVALSHA");
        Assert.DoesNotContain(commands, command => command.Name is "EVAL" or "SCRIPT");
    }

    [Fact]
    public async Task A_script_that_Redis_forgot_is_sent_again_and_runs_once()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var engine = await TestEngine.StartAsync(new() { Redis = redis.Configuration, Item = item => item.Shards = 1 });
        await engine.Items.SetAsync("a", new Item(1));
        for (var number = 2; number <= 5; number++)
        {
            await redis.SendAsync("SCRIPT", "FLUSH");
            var stored = await engine.Items.SetAsync("a", new Item(number));
            Assert.Equal(number, stored);
        }

        Assert.Equal(5, (await engine.Items.GetAsync("a"))!.State!.Quantity);
    }

    [Fact]
    public void A_reply_is_read_from_the_front()
    {
        var reply = new ScriptReply(RedisResult.Create([(RedisValue)7, "text", "1", 0, RedisValue.Null, RedisValue.Null, "\u0001"]));

        Assert.Equal((7, "text"), (reply.NextLong(), reply.NextText()));
        Assert.Equal((true, false, false), (reply.NextFlag(), reply.NextFlag(), reply.NextFlag()));
        Assert.Null(reply.NextLongOrNone());
        Assert.Equal(1, reply.Left);
        Assert.Equal([1], reply.NextBytesOrNone()!);
    }

    [Fact]
    public void A_reply_that_ends_too_soon_leaves_the_outcome_unknown()
    {
        var reply = new ScriptReply(RedisResult.Create(RedisValue.Null));

        Assert.True(reply.IsNone);
        Assert.True(Assert.Throws<BufferUnavailableException>(() => reply.NextLong()).OutcomeUnknown);
    }
}
