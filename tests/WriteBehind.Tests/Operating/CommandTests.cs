using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Operating;

/// <summary>The operator's commands, in a program whose host is built and not started.</summary>
public sealed class CommandTests
{
    private const string Operator = "ann@desk";

    [Theory]
    [InlineData]
    [InlineData("status")]
    [InlineData("--urls", "http://localhost:5000", "writebehind")]
    public async Task Arguments_that_name_no_command_are_left_to_the_program(params string[] args)
    {
        await using var tool = await TestEngine.CreateAsync(new() { Redis = "localhost:1,connectTimeout=1" });

        Assert.Null(await tool.Host.RunWriteBehindCommandsAsync(args));
    }

    [Fact]
    public async Task Help_names_every_command_and_asks_no_server()
    {
        await using var tool = await TestEngine.CreateAsync(new() { Redis = "localhost:1,connectTimeout=1" });

        var (code, output, _) = await RunAsync(tool, "--help");

        Assert.Equal(0, code);
        Assert.All(
            ["status", "drain", "flush", "inspect", "oldest", "pause", "resume", "verify", "reconcile", "dead"],
            verb => Assert.Contains($"  {verb} ", output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("statis")]
    [InlineData("flush", "item")]
    [InlineData("pause", "item", "--for", "soon")]
    [InlineData("pause", "item", "--for", "2h")]
    [InlineData("pause", "items")]
    [InlineData("oldest", "--limit", "0")]
    [InlineData("dead", "retry", "item")]
    [InlineData("dead", "retry", "item", "a", "--all")]
    [InlineData("dead", "retry", "item", "a", "--text", "x")]
    [InlineData("dead", "discard", "item", "a")]
    [InlineData("dead", "list", "--reason", "Bad")]
    public async Task A_wrong_command_line_is_said_with_code_2(params string[] args)
    {
        await using var tool = await TestEngine.CreateAsync();

        var (code, output, errors) = await RunAsync(tool, args);

        Assert.Equal((2, ""), (code, output));
        Assert.NotEqual("", errors);
    }

    [Fact]
    public async Task Without_Redis_a_command_fails_and_says_so()
    {
        await using var tool = await TestEngine.CreateAsync(new()
        {
            Redis = "localhost:1,connectTimeout=100,connectRetry=0",
            Engine = static settings => settings.WriteTimeout = TimeSpan.FromSeconds(1),
        });

        var (code, _, errors) = await RunAsync(tool, "status");

        Assert.Equal(1, code);
        Assert.StartsWith("FAILED: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drain_brings_everything_to_the_database_and_nothing_is_flushed_without_being_asked_for()
    {
        await using var service = await TestEngine.StartAsync();
        await service.Items.SetAsync("a", new Item(1));
        await service.Items.SetAsync("b", new Item(2));
        await using var tool = await TestEngine.CreateAsync(service.Options with { Sweep = true });

        var (code, output, _) = await RunAsync(tool, "status", "--json");
        var status = JsonDocument.Parse(output).RootElement.GetProperty("types")[0];
        Assert.Equal((0, 2), (code, status.GetProperty("dirty").GetInt32()));
        Assert.Empty(tool.Sink.Sent);

        (code, output, _) = await RunAsync(tool, "flush", "item", "a");
        Assert.Equal((0, "Flushed: the database has it."), (code, output.Trim()));
        (code, output, _) = await RunAsync(tool, "drain");
        Assert.Equal((0, "1 flushed."), (code, output.Trim()));
        Assert.Equal(2, (await service.Table.RowsAsync()).Count);
        Assert.True(tool.Log.Has(LogLevel.Warning, $"By command line, {Operator}: drain: 1 flushed, 0 remain"));
    }

    [Fact]
    public async Task A_pause_is_made_shown_kept_to_and_ended()
    {
        await using var service = await TestEngine.StartAsync();
        await using var tool = await TestEngine.CreateAsync(service.Options);
        await service.Items.SetAsync("a", new Item(1));

        var (code, output, _) = await RunAsync(tool, "pause", "item", "--for", "90s");
        var pause = (await service.StatusAsync()).Pause!;
        Assert.Equal((0, Operator, 90), (code, pause.By, (pause.Until - pause.Since).TotalSeconds));
        Assert.Contains("None is under way any more.", output, StringComparison.Ordinal);
        Assert.Contains($"by {Operator}", (await RunAsync(tool, "status")).Output, StringComparison.Ordinal);

        (code, output, _) = await RunAsync(tool, "drain");
        Assert.Equal(1, code);
        Assert.Contains("1 item still dirty; safe in Redis.", output, StringComparison.Ordinal);
        Assert.Contains("The flush of item is paused until", output, StringComparison.Ordinal);
        (code, _, var errors) = await RunAsync(tool, "flush", "item", "a");
        Assert.Equal(1, code);
        Assert.Contains($"{Operator} has paused the flush of item", errors, StringComparison.Ordinal);

        Assert.Equal("The flush of item goes on.", (await RunAsync(tool, "resume", "item")).Output.Trim());
        Assert.Equal(0, (await RunAsync(tool, "drain")).Code);
    }

    [Fact]
    public async Task An_entity_is_shown_in_all_places_and_the_oldest_ones_are_listed()
    {
        await using var service = await TestEngine.StartAsync();
        await using var tool = await TestEngine.CreateAsync(service.Options);
        await service.Items.SetAsync("a", new Item(1));
        await service.FlushAsync("a");
        await service.Items.SetAsync("a", new Item(2));

        var (code, output, _) = await RunAsync(tool, "inspect", "item", "a");
        Assert.Equal(0, code);
        Assert.Matches(@"item a\s+Redis\s+database\s+dead letter", output);
        Assert.Matches(@"version\s+2\s+1", output);
        Assert.Matches(@"Quantity\s+2\s+1", output);
        Assert.Contains("dirty since: ", output, StringComparison.Ordinal);

        var entity = JsonDocument.Parse((await RunAsync(tool, "inspect", "item", "a", "--json")).Output).RootElement;
        Assert.Equal(2, entity.GetProperty("buffered").GetProperty("json").GetProperty("Quantity").GetInt32());
        Assert.Equal(1, (await RunAsync(tool, "inspect", "item", "nobody")).Code);

        var oldest = JsonDocument.Parse((await RunAsync(tool, "oldest", "--json")).Output).RootElement;
        Assert.Equal("a", Assert.Single(oldest.EnumerateArray()).GetProperty("id").GetString());
        Assert.True(oldest[0].GetProperty("age").GetDouble() >= 0);
    }

    [Fact]
    public async Task Dead_letters_are_listed_by_page_and_filter_and_counted_by_error()
    {
        await using var service = await StartWithLettersAsync();
        await using var tool = await TestEngine.CreateAsync(service.Options);

        var all = JsonDocument.Parse((await RunAsync(tool, "dead", "list", "--json")).Output).RootElement;
        Assert.Equal(3, all.GetProperty("total").GetInt32());
        var page = JsonDocument.Parse((await RunAsync(tool, "dead", "list", "item", "--skip", "1", "--limit", "1", "--json")).Output);
        Assert.Equal("long2", Assert.Single(page.RootElement.GetProperty("letters").EnumerateArray()).GetProperty("id").GetString());
        var negative = JsonDocument.Parse((await RunAsync(tool, "dead", "list", "--text", "NOT_NEGATIVE", "--json")).Output).RootElement;
        Assert.Equal(1, negative.GetProperty("total").GetInt32());
        Assert.Equal("There are none.", (await RunAsync(tool, "dead", "list", "--reason", "Fenced")).Output.Trim());

        var groups = JsonDocument.Parse((await RunAsync(tool, "dead", "list", "--group", "--json")).Output).RootElement;
        Assert.Equal([2, 1], groups.EnumerateArray().Select(static group => group.GetProperty("count").GetInt32()));
        Assert.Contains(Item.TooLongNote, (await RunAsync(tool, "dead", "show", "item", "long1")).Output, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync(tool, "dead", "show", "item", "good")).Code);
    }

    [Fact]
    public async Task Letters_are_discarded_only_after_a_yes_and_it_is_noted_who_did_it()
    {
        await using var service = await StartWithLettersAsync();
        await using var tool = await TestEngine.CreateAsync(service.Options);

        var (code, _, errors) = await RunAsync(tool, "n\n", ["dead", "discard", "item", "--all", "--text", "22001"]);
        Assert.Equal(1, code);
        Assert.Contains("Discard 2 dead letters of item and their states for good? [y/N]", errors, StringComparison.Ordinal);
        Assert.Equal(3, (await service.StatusAsync()).DeadLetters);

        Assert.Equal(0, (await RunAsync(tool, "y\n", ["dead", "discard", "item", "--all", "--text", "22001"])).Code);
        Assert.Equal(1, (await service.StatusAsync()).DeadLetters);
        Assert.True(tool.Log.Has(
            LogLevel.Warning, $"By command line, {Operator}: discarded 2 dead letters of item: 'long1', 'long2'"));

        Assert.Equal(0, (await RunAsync(tool, "dead", "retry", "item", "negative")).Code);
        Assert.Equal(1, (await service.StatusAsync()).Dirty);
        Assert.Equal(1, (await RunAsync(tool, "dead", "discard", "item", "negative", "--yes")).Code);
    }

    [Theory]
    [InlineData("y", true)]
    [InlineData(" Y ", true)]
    [InlineData("yes", true)]
    [InlineData("n", false)]
    [InlineData("yes, please", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public async Task What_is_typed_decides_and_nothing_or_the_end_of_input_is_a_no(string? typed, bool isYes)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddWriteBehindForTests().AddEntity<Item>("item", static item => item.MaxAttempts = 1);
        using var host = builder.Build();
        var servers = host.Services.GetRequiredService<InMemoryWriteBehind>();
        servers.Table<Item>().Reject("bad");
        await host.Services.GetRequiredService<IEntityStore<Item>>().SetAsync("bad", new Item(1));
        await servers.FlushAllAsync();

        var (code, output, errors) = await RunAsync(
            host, typed is null ? "" : $"{typed}\nunread", ["dead", "discard", "item", "bad"]);

        Assert.StartsWith("Discard the dead letter of item 'bad' and its state for good? [y/N] ", errors, StringComparison.Ordinal);
        Assert.Equal((isYes ? 0 : 1, isYes), (code, output.Contains("1 discarded", StringComparison.Ordinal)));
        Assert.Equal(!isYes, errors.Contains("Nothing was done.", StringComparison.Ordinal));
        var letters = host.Services.GetRequiredService<IWriteBehindEngine>().DeadLetters;
        Assert.Equal(isYes ? 0 : 1, (await letters.ListAsync("item")).Count);
    }

    [Fact]
    public async Task Redis_and_the_rows_are_verified_and_reconciled()
    {
        await using var service = await TestEngine.StartAsync(new() { Item = static item => item.AfterFlush = AfterFlush.Keep });
        await using var tool = await TestEngine.CreateAsync(service.Options);
        await service.Items.SetAsync("a", new Item(1));
        await service.FlushAsync("a");
        Assert.StartsWith("VERIFIED: item: 1 entities", (await RunAsync(tool, "verify", "item")).Output, StringComparison.Ordinal);
        await service.Table.PutAsync(new ItemRow("a", Version: 5, Quantity: 50, Note: null));

        var (code, output, _) = await RunAsync(tool, "verify");
        Assert.Equal(1, code);
        Assert.Contains("item a: Redis keeps version 1 as a clean entry, but PostgreSQL has version 5.", output, StringComparison.Ordinal);

        Assert.Equal(2, (await RunAsync(tool, "reconcile")).Code);
        Assert.Equal(0, (await RunAsync(tool, "reconcile", "--yes")).Code);
        Assert.Equal(0, (await RunAsync(tool, "verify")).Code);
        Assert.True(tool.Log.Has(LogLevel.Warning, $"By command line, {Operator}: reconciled 1 entities"));
    }

    private static async Task<TestEngine> StartWithLettersAsync()
    {
        var engine = await TestEngine.StartAsync(new() { Item = static item => item.MaxAttempts = 1 });
        await engine.Items.SetAsync("long1", new Item(1, Item.TooLongNote));
        await engine.Items.SetAsync("long2", new Item(1, Item.TooLongNote));
        await engine.Items.SetAsync("negative", new Item(-1));
        await engine.Items.SetAsync("good", new Item(1));
        await Eventually.TrueAsync(async () =>
        {
            await engine.FlushAllAsync();
            return (await engine.StatusAsync()).DeadLetters == 3;
        });
        return engine;
    }

    private static Task<(int Code, string Output, string Errors)> RunAsync(TestEngine tool, params string[] args)
        => RunAsync(tool, null, args);

    private static Task<(int Code, string Output, string Errors)> RunAsync(TestEngine tool, string? input, string[] args)
        => RunAsync(tool.Host, input, args);

    private static async Task<(int Code, string Output, string Errors)> RunAsync(IHost host, string? input, string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        using var answer = new StringReader(input ?? "");
        var code = await host.RunWriteBehindCommandsAsync(["writebehind", .. args], options =>
        {
            (options.Output, options.Error, options.By) = (output, errors, Operator);
            options.Input = input is null ? null : answer;
        });
        return (Assert.NotNull(code), output.ToString(), errors.ToString());
    }
}
