using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Silo.Testing;
using Silo.Tests.Support;

namespace Silo.Tests;

public sealed class StopTests
{
    [Fact]
    public async Task Sigterm_drains_what_is_dirty_and_says_so()
    {
        var servers = new ServiceServers();
        await servers.InitializeAsync();
        try
        {
            await using var silo = await SiloProcess.StartAsync(
                servers, new Dictionary<string, string?> { ["WriteBehind__Types__stock__FlushDelay"] = "00:00:09" });
            await RestockAsync(silo, "late");
            silo.Process.Terminate();
            Assert.Equal(0, await silo.Process.WaitForExitAsync(ClientProcess.Patience));
            Assert.Contains(silo.Process.Output, line => line.Contains("Drained: ", StringComparison.Ordinal));
            Assert.Equal(5L, await servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'late'"));
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    [Fact]
    public async Task Sigterm_without_a_database_ends_in_time_logs_what_remains_and_the_next_silo_saves_it()
    {
        var servers = new ServiceServers { HasOwnPostgres = true };
        await servers.InitializeAsync();
        try
        {
            await using (var silo = await SiloProcess.StartAsync(
                servers, new Dictionary<string, string?> { ["WriteBehind__DrainTimeout"] = "00:00:03" }))
            {
                await RestockAsync(silo, "known"); // From here on the grain needs no database.
                await servers.Postgres.StopAsync();
                await RestockAsync(silo, "known");
                var started = Stopwatch.GetTimestamp();
                silo.Process.Terminate();
                Assert.Equal(0, await silo.Process.WaitForExitAsync(ClientProcess.Patience));
                Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 60);
                Assert.Contains(silo.Process.Output, line => line.Contains("1 stock remain, safe in Redis", StringComparison.Ordinal));
            }

            await servers.Postgres.RestartAsync();
            await using var next = await SiloProcess.StartAsync(servers);
            next.Process.Terminate();
            Assert.Equal(0, await next.Process.WaitForExitAsync(ClientProcess.Patience));
            Assert.Equal(10L, await servers.QueryAsync("SELECT quantity FROM shop.stock WHERE id = 'known'"));
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_stop_without_redis_says_that_nobody_knows_what_is_left_and_is_no_crash()
    {
        var servers = new ServiceServers();
        await servers.InitializeAsync();
        try
        {
            await using var silo = await SiloProcess.StartAsync(servers, new Dictionary<string, string?>
            {
                ["WriteBehind__DrainTimeout"] = "00:00:02",
                ["WriteBehind__Types__stock__FlushDelay"] = "00:00:09",
            });
            await RestockAsync(silo, "left");
            await servers.Redis.KillAsync();

            silo.Process.Terminate();

            Assert.Equal(3, await silo.Process.WaitForExitAsync(ClientProcess.Patience));
            Assert.Contains(silo.Process.Output, line => line.Contains("could not be counted", StringComparison.Ordinal));
            Assert.DoesNotContain(silo.Process.Output, line => line.Contains("nothing remains", StringComparison.Ordinal));
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("flush")]
    [InlineData("drain")]
    public async Task The_client_fails_where_nobody_knows_what_is_left(string command)
    {
        var servers = new ServiceServers();
        await servers.InitializeAsync();
        try
        {
            await using var silo = await SiloProcess.StartAsync(servers);
            await RestockAsync(silo, "left");
            await servers.Redis.SendAsync("ACL", "SETUSER", "default", "-time");

            var (code, output) = await ClientProcess.RunAsync(servers, command, "--within", "3", "--timeout", "60");

            Assert.Equal(1, code);
            Assert.Contains("is left is not known", output, StringComparison.Ordinal);
            await servers.Redis.SendAsync("ACL", "SETUSER", "default", "+time");
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_missing_or_wrong_setting_is_named_and_no_password_shown()
    {
        var servers = new ServiceServers();
        servers.Environment["WRITEBEHIND_REDIS"] = "127.0.0.1:1,password=geheim";
        Assert.Contains("WRITEBEHIND_POSTGRES", await FailAsync(servers), StringComparison.Ordinal);
        servers.Environment["WRITEBEHIND_POSTGRES"] = "Host=127.0.0.1;Password=geheim";
        var output = await FailAsync(servers, ("WRITEBEHIND_SILO_PORT", "eleven"));
        Assert.Contains("WRITEBEHIND_SILO_PORT (Silo:SiloPort) is 'eleven'", output, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task There_is_no_dashboard_in_production()
    {
        var servers = new ServiceServers();
        await servers.InitializeAsync();
        try
        {
            await using var silo = await SiloProcess.StartAsync(servers);
            Assert.Equal(HttpStatusCode.NotFound, (await silo.Http.GetAsync(new Uri("/dashboard", UriKind.Relative))).StatusCode);
        }
        finally
        {
            await servers.DisposeAsync();
        }
    }

    private static async Task<string> FailAsync(ServiceServers servers, params (string Name, string Value)[] settings)
    {
        await using var silo = SiloProcess.Launch(
            servers, settings.ToDictionary(setting => setting.Name, string? (setting) => setting.Value));
        Assert.NotEqual(0, await silo.WaitForExitAsync(ClientProcess.Patience));
        return string.Join('\n', silo.Output.Concat(silo.Errors));
    }

    private static async Task RestockAsync(SiloProcess silo, string id)
        => (await silo.Http.PostAsJsonAsync(
            new Uri($"/stock/{id}/restock", UriKind.Relative), new { quantity = 5 })).EnsureSuccessStatusCode();
}
