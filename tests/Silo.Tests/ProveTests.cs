using System.Text.Json;
using Silo.Testing;
using Silo.Tests.Support;

namespace Silo.Tests;

public sealed class ProveTests(ServiceServers servers) : IClassFixture<ServiceServers>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("writebehind-prove-").FullName;

    private string JsonPath => Path.Combine(_folder, "summary.json");

    private string LogPath => Path.Combine(_folder, "silo.log");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_silo_that_is_killed_half_way_loses_nothing_and_every_caller_is_answered()
    {
        var (code, output) = await ClientProcess.RunAsync(
            servers, "prove", "--writes", "4000", "--entities", "200", "--concurrency", "48",
            "--crash", "--json", JsonPath, "--log", LogPath);
        Assert.True(code == 0, output);
        Assert.Contains("SIGKILL", output, StringComparison.Ordinal);
        Assert.Contains("VERIFIED", output, StringComparison.Ordinal);
        Assert.Matches(@"outcome unknown\s+0\b", output);

        // To the unit: each movement was repeated until it was answered, and counts once.
        var figures = JsonDocument.Parse(await File.ReadAllTextAsync(JsonPath)).RootElement;
        Assert.Equal("orleans", figures.GetProperty("mode").GetString());
        Assert.Equal(4_000, figures.GetProperty("ackedWrites").GetInt64());
        Assert.Equal(0, figures.GetProperty("mismatches").GetInt32());
    }

    [Fact]
    public async Task Behind_a_pooler_in_transaction_mode_every_row_is_verified_with_no_setting()
    {
        var behind = new ServiceServers { HasPooler = true };
        await behind.InitializeAsync();
        try
        {
            var (code, output) = await ClientProcess.RunAsync(
                behind, "prove", "--writes", "2000", "--entities", "100", "--concurrency", "24", "--json", JsonPath, "--log", LogPath);

            Assert.True(code == 0, output);
            Assert.Contains("VERIFIED", output, StringComparison.Ordinal);
            var figures = JsonDocument.Parse(await File.ReadAllTextAsync(JsonPath)).RootElement;
            Assert.Equal(2_000, figures.GetProperty("ackedWrites").GetInt64());
            Assert.Equal(0, figures.GetProperty("mismatches").GetInt32());
            Assert.Contains("A pooler stands before PostgreSQL", await File.ReadAllTextAsync(LogPath), StringComparison.Ordinal);
        }
        finally
        {
            await behind.DisposeAsync();
        }
    }

    [Fact]
    public async Task Ctrl_c_drains_the_silos_and_leaves_none_running()
    {
        await using var client = ClientProcess.Start(
            servers, "prove", "--silos", "2", "--writes", "100000000", "--concurrency", "16", "--log", LogPath);
        await client.WaitForLineAsync(line => line.Contains(" dirty", StringComparison.Ordinal), ClientProcess.Patience);
        client.Interrupt();
        Assert.Equal(130, await client.WaitForExitAsync(ClientProcess.Patience));
        foreach (var log in Directory.GetFiles(_folder, "silo*.log"))
        {
            Assert.Contains("Drained: ", await File.ReadAllTextAsync(log), StringComparison.Ordinal);
        }
    }
}
