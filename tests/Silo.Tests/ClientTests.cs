using System.Text.Json;
using Client.Commands;
using Silo.Contracts.Operations;
using Silo.Testing;
using Silo.Tests.Support;
using WriteBehind.TestTools;

namespace Silo.Tests;

public sealed class ClientTests(OneSilo silo) : IClassFixture<OneSilo>
{
    [Fact]
    public async Task Entities_are_changed_and_shown()
    {
        Assert.Equal(9, Long(await AskAsync("stock", "restock", "lamp", "9"), "quantity"));
        Assert.Equal(-1, Long(await AskAsync("stock", "book", "shed", "-1"), "quantity"));
        Assert.Equal(4, Long(await AskAsync("score", "add", "1", "bob", "4"), "points"));
        Assert.Equal(2, Long(await AskAsync("views", "add", "page/1", "2"), "count"));
        Assert.Equal(2, Long(await AskAsync("views", "get", "page/1"), "count"));
    }

    [Fact]
    public async Task The_silo_s_own_program_runs_the_library_s_commands_beside_it()
    {
        await AskAsync("stock", "restock", "stool", "2");
        await using var command = ChildProcess.Start(
            "dotnet", [Programs.Silo, "writebehind", "inspect", "stock", "stool", "--json"], silo.Servers.Environment);

        Assert.Equal(0, await command.WaitForExitAsync(ClientProcess.Patience));
        var entity = JsonDocument.Parse(string.Join('\n', command.Output)).RootElement;
        Assert.Equal("stool", entity.GetProperty("id").GetString());
        JsonElement[] places = [entity.GetProperty("buffered"), entity.GetProperty("row")];
        Assert.Contains(places, static place => place.ValueKind == JsonValueKind.Object);
    }

    [Fact]
    public async Task A_refusal_and_an_absent_entity_end_with_1()
    {
        var (code, output) = await ClientProcess.RunAsync(silo.Servers, "stock", "reserve", "nothing-there", "1");
        Assert.Equal(1, code);
        Assert.Contains("there are 0", output, StringComparison.Ordinal);
        Assert.Equal(1, (await ClientProcess.RunAsync(silo.Servers, "stock", "get", "never-seen")).Code);
    }

    [Fact]
    public async Task Load_is_verified_against_grains_redis_and_postgres()
    {
        var folder = Directory.CreateTempSubdirectory("writebehind-client-").FullName;
        try
        {
            var json = Path.Combine(folder, "summary.json");
            var (code, output) = await ClientProcess.RunAsync(
                silo.Servers, "load", "--writes", "1500", "--entities", "50", "--concurrency", "32", "--json", json);
            Assert.True(code == 0, output);
            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(json)).RootElement;
            Assert.Equal("orleans", figures.GetProperty("mode").GetString());
            Assert.Equal(1_500, Long(figures, "ackedWrites"));
            Assert.Equal(0, Long(figures, "mismatches"));
            Assert.InRange(Long(figures, "rowsWritten"), 40, 1_500);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task What_was_written_is_flushed_on_demand_and_noted_in_the_journal()
    {
        await AskAsync("stock", "restock", "chair", "7");
        await AskAsync("flush", "stock", "chair");
        Assert.Equal(7L, await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'chair'"));
        Assert.Empty((await AskAsync("drain")).GetProperty("remaining").EnumerateObject());
        Assert.Contains(
            (await AskAsync("journal")).EnumerateArray(),
            entry => entry.GetProperty("action").GetString()!.StartsWith("drain", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Entities_of_every_type_are_flushed_by_name()
    {
        await AskAsync("score", "add", "2", "eve", "4");
        await AskAsync("views", "add", "page/2", "3");
        await AskAsync("flush", "score", "2|eve");
        await AskAsync("flush", "views", "page/2");
        await AskAsync("drain");
        Assert.Equal(4L, await silo.Servers.QueryAsync("SELECT points FROM shop.score WHERE game = 2 AND player = 'eve'"));
        Assert.Equal(3L, await silo.Servers.QueryAsync("SELECT count FROM shop.views WHERE page = 'page/2'"));
        Assert.Equal(2, (await ClientProcess.RunAsync(silo.Servers, "flush", "nonsense", "a")).Code);
    }

    [Fact]
    public async Task A_drain_that_takes_many_rounds_ends_in_time_and_is_one_line_in_the_journal()
    {
        await AskAsync("stock", "restock", "held", "1");
        await AskAsync("flush", "stock", "held");
        var before = (await AskAsync("journal")).EnumerateArray().Count(IsDrain);

        int code;
        string output;
        await using (await silo.Servers.LockAsync("SELECT 1 FROM shop.stock WHERE id = 'held' FOR UPDATE"))
        {
            await AskAsync("stock", "restock", "held", "1");
            (code, output) = await ClientProcess.RunAsync(silo.Servers, "drain", "--within", "12", "--timeout", "20");
        }

        Assert.True(code == 1, output);
        Assert.Contains("1 stock still dirty", output, StringComparison.Ordinal);
        Assert.Equal(before + 1, (await AskAsync("journal")).EnumerateArray().Count(IsDrain));
        await AskAsync("drain");
    }

    [Fact]
    public void A_drain_is_done_once_nothing_is_dirty_or_only_what_is_rejected()
    {
        Assert.True(FlushCommands.IsDrained(Round(3, [])));
        Assert.False(FlushCommands.IsDrained(Round(3, new() { ["stock"] = 1 })));
        Assert.False(FlushCommands.IsDrained(Round(0, new() { ["stock"] = 1 })));
        Assert.True(FlushCommands.IsDrained(Round(0, new() { ["stock"] = 1 }, "stock a")));
        Assert.False(FlushCommands.IsDrained(Round(1, new() { ["stock"] = 1 }, "stock a")));
        Assert.False(FlushCommands.IsDrained(Round(0, new() { ["stock"] = 1, ["views"] = 1 }, "stock a", "stock b")));
        Assert.False(FlushCommands.IsDrained(Round(0, null)));
    }

    [Theory]
    [InlineData(10, 30, 5)]
    [InlineData(10, 2, 2)]
    [InlineData(3, 30, 1.5)]
    [InlineData(60, 30, 5)]
    [InlineData(10, -1, 0.05)]
    [InlineData(0.06, 30, 0.03)]
    public void A_round_of_a_flush_is_shorter_than_its_answer_is_waited_for(double patience, double left, double expected) => Assert.Equal(
        TimeSpan.FromSeconds(expected), FlushCommands.Round(TimeSpan.FromSeconds(patience), TimeSpan.FromSeconds(left)));

    [Fact]
    public async Task Status_shows_silos_and_backlogs()
    {
        var status = await AskAsync("status");
        Assert.Single(status.GetProperty("silos").EnumerateArray());
        Assert.All(
            status.GetProperty("types").EnumerateArray(),
            type => Assert.True(type.GetProperty("rates").GetProperty("writesPerSecond").GetDouble() >= 0));
        Assert.Equal(
            ["score", "stock", "views"], status.GetProperty("types").EnumerateArray().Select(type => type.GetProperty("type").GetString()));
    }

    [Theory]
    [InlineData("stock", "reserve", "a", "many")]
    [InlineData("flush", "stock")]
    [InlineData("dead", "retry", "stock")]
    [InlineData("drain", "--within", "0")]
    [InlineData("verify", "nonsense")]
    [InlineData("replay", "/nowhere.csv", "--key", "a", "--amount", "b")]
    [InlineData("load", "--writes", "-1")]
    [InlineData("status", "--timeout", "soon")]
    [InlineData("stock", "get", "")]
    [InlineData("frobnicate")]
    public async Task A_wrong_option_ends_with_2_and_no_stack_trace(params string[] arguments)
    {
        var (code, output) = await ClientProcess.RunAsync(silo.Servers, arguments);
        Assert.Equal(2, code);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_no_silo_answers_it_says_so_and_ends_with_3()
    {
        await using var client = ChildProcess.Start(
            "dotnet",
            [Programs.Client, "status", "--timeout", "3"],
            new Dictionary<string, string?>(silo.Servers.Environment) { ["WRITEBEHIND_CLUSTER_ID"] = "nobody" });
        Assert.Equal(3, await client.WaitForExitAsync(ClientProcess.Patience));
        Assert.Contains(client.Errors, line => line.Contains("No silo of cluster 'nobody'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Where_redis_is_away_it_says_so_and_shows_no_password()
    {
        await using var client = ChildProcess.Start(
            "dotnet",
            [Programs.Client, "status", "--timeout", "3"],
            new Dictionary<string, string?> { ["WRITEBEHIND_REDIS"] = "127.0.0.1:1,password=geheim" });
        Assert.Equal(3, await client.WaitForExitAsync(ClientProcess.Patience));
        var output = string.Join('\n', client.Output.Concat(client.Errors));
        Assert.Contains("127.0.0.1:1", output, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    private static FlushSummary Round(long flushed, Dictionary<string, long>? dirty, params string[] rejected)
        => new(flushed, new Dictionary<string, long>(), rejected, dirty);

    private static bool IsDrain(JsonElement entry)
        => entry.GetProperty("action").GetString()!.StartsWith("drain", StringComparison.Ordinal);

    private Task<JsonElement> AskAsync(params string[] arguments) => ClientProcess.AskAsync(silo.Servers, arguments);

    private static long Long(JsonElement element, string name) => element.GetProperty(name).GetInt64();
}
