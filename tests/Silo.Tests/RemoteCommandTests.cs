using System.Text.Json;
using Silo.Testing;
using Silo.Tests.Support;
using WriteBehind.TestTools;

namespace Silo.Tests;

/// <summary>The library's commands, given to the client and carried out on a silo.</summary>
public sealed class RemoteCommandTests(OneSilo silo) : IClassFixture<OneSilo>
{
    [Fact]
    public async Task An_entity_is_inspected_in_the_words_of_the_silo_s_own_program_whatever_its_id_looks_like()
    {
        const string Id = "--json @home";
        await AskAsync("stock", "restock", "--", Id, "2");
        await AskAsync("flush", "--", "stock", Id);
        Assert.Equal(2L, await silo.Servers.QueryAsync($"SELECT quantity FROM shop.stock WHERE id = '{Id}'"));

        var (code, remote) = await RunAsync("inspect", "--", "stock", Id);
        await using var command = ChildProcess.Start(
            "dotnet", [Programs.Silo, "writebehind", "inspect", "--", "stock", Id], silo.Servers.Environment);
        Assert.Equal(0, await command.WaitForExitAsync(ClientProcess.Patience));

        Assert.Equal(0, code);
        Assert.StartsWith($"stock {Id}", remote, StringComparison.Ordinal);
        Assert.Equal(command.Output.TakeWhile(IsOfTable), remote.Split('\n').TakeWhile(IsOfTable));

        static bool IsOfTable(string line) => !line.Contains(": ", StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pause_holds_the_flush_until_it_is_resumed_and_the_journal_says_who_asked_for_it()
    {
        var pause = await AskAsync("pause", "views", "--for", "5m");
        Assert.Equal("views", pause.GetProperty("type").GetString());
        await AskAsync("views", "add", "paused", "3");
        var oldest = Assert.Single((await AskAsync("oldest", "views")).EnumerateArray());
        Assert.Equal("paused", oldest.GetProperty("id").GetString());

        var (code, output) = await RunAsync("resume", "views");
        Assert.Equal((0, "The flush of views goes on."), (code, output.Trim()));
        await AskAsync("flush", "views", "paused");
        Assert.Equal(3L, await silo.Servers.QueryAsync("SELECT count FROM shop.views WHERE page = 'paused'"));
        var journal = (await AskAsync("journal")).EnumerateArray().Select(entry => entry.GetProperty("action").GetString()).ToArray();
        Assert.Contains(journal, action => action!.StartsWith("paused the flush of views until", StringComparison.Ordinal));
        Assert.Contains($"resumed the flush of views ({Environment.UserName}@{Environment.MachineName})", journal);
    }

    [Fact]
    public async Task What_differs_is_mended_once_that_is_confirmed()
    {
        await AskAsync("stock", "restock", "lost", "4");
        await AskAsync("flush", "stock", "lost");
        await silo.Servers.ExecuteAsync("DELETE FROM shop.stock WHERE id = 'lost'");

        var (refused, question) = await RunAsync("reconcile", "stock");
        Assert.Equal(2, refused);
        Assert.Contains("stock lost: ", question, StringComparison.Ordinal);
        Assert.Contains("Mend 1 entities?", question, StringComparison.Ordinal);
        Assert.Contains("say --yes", question, StringComparison.Ordinal);
        Assert.Null(await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'lost'"));

        var (code, output) = await RunAsync("reconcile", "stock", "--yes");
        Assert.Equal(0, code);
        Assert.Contains("RECONCILED: stock: ", output, StringComparison.Ordinal);
        await AskAsync("flush", "stock", "lost");
        Assert.Equal(4L, await silo.Servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'lost'"));
    }

    // Orleans places activations with Polly, which tells of each attempt, also where the first succeeds.
    [Fact]
    public async Task Placements_that_succeed_are_not_in_the_silo_s_log()
    {
        await AskAsync("stock", "restock", "placed", "1");

        Assert.Contains(silo.Output, line => line.Contains("Now listening on", StringComparison.Ordinal));
        Assert.DoesNotContain(silo.Output, line => line.Contains("Polly", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("pause", "stock", "--for", "2h")]
    [InlineData("pause", "nonsense")]
    [InlineData("inspect", "stock")]
    [InlineData("dead", "retry", "stock", "a", "--all")]
    [InlineData("dead", "discard", "stock", "a")]
    public async Task A_wrong_command_is_told_with_2_wherever_that_is_seen(params string[] arguments)
    {
        var (code, output) = await RunAsync(arguments);

        Assert.Equal(2, code);
        Assert.NotEqual("", output.Trim());
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    private Task<JsonElement> AskAsync(params string[] arguments)
        => ClientProcess.AskAsync(silo.Servers, arguments);

    private Task<(int Code, string Output)> RunAsync(params string[] arguments) => ClientProcess.RunAsync(silo.Servers, arguments);
}
