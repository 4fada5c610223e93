using System.Net.Http.Json;
using System.Text.Json;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

/// <summary>The sample's program run for an operator's command, beside the service.</summary>
public sealed class EmbeddedCommandTests(SampleServers servers) : IClassFixture<SampleServers>
{
    [Fact]
    public async Task A_command_starts_no_service_and_its_result_is_all_there_is_on_standard_output()
    {
        await using var service = await EmbeddedService.StartAsync(servers);
        (await service.Client.PostAsJsonAsync("/stock/lamp/movements", new { amount = 3 })).EnsureSuccessStatusCode();

        Assert.Equal(0, (await RunAsync("drain", "--json")).Code);
        var (code, output) = await RunAsync("inspect", "stock", "lamp", "--json");

        Assert.Equal(0, code);
        Assert.Equal(3, JsonDocument.Parse(output).RootElement.GetProperty("row").GetProperty("json").GetProperty("Quantity").GetInt64());
        Assert.Equal(2, (await RunAsync("stat")).Code);
        Assert.False(service.Process.HasExited);
    }

    private async Task<(int Code, string Output)> RunAsync(params string[] arguments)
    {
        await using var process = ChildProcess.Start(
            "dotnet",
            [SamplePaths.Embedded, "writebehind", .. arguments],
            servers.Environment,
            Path.GetDirectoryName(SamplePaths.Embedded));
        var code = await process.WaitForExitAsync(TimeSpan.FromSeconds(90));
        return (code, string.Join('\n', process.Output));
    }
}
