using System.Net.Sockets;
using System.Text.Json;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Sample;

public sealed class DriverRunTests(SampleServers servers) : IClassFixture<SampleServers>, IDisposable
{
    private static readonly string[] FigureNames =
    [
        "mode", "ackedWrites", "ackedPerSecond", "p50Ms", "p99Ms", "rowsWritten", "entities", "secondsUntilClean", "mismatches",
        "deadLetters", "badRows",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("writebehind-driver-").FullName;

    private string JsonPath => Path.Combine(_folder, "summary.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_run_is_verified_and_reported_and_can_be_repeated_on_the_same_servers()
    {
        for (var round = 0; round < 2; round++)
        {
            var (code, output) = await DriverProcess.RunAsync(
                servers, "--writes", "3000", "--entities", "200", "--concurrency", "64", "--json", JsonPath);
            Assert.True(code == 0, output);
            Assert.Contains("VERIFIED", output, StringComparison.Ordinal);

            var figures = await ReadFiguresAsync();
            Assert.Equal(FigureNames, figures.EnumerateObject().Select(figure => figure.Name));
            Assert.Equal("engine", figures.GetProperty("mode").GetString());
            Assert.Equal(3_000, figures.GetProperty("ackedWrites").GetInt64());
            Assert.InRange(figures.GetProperty("entities").GetInt32(), 150, 200);
            Assert.InRange(figures.GetProperty("rowsWritten").GetInt64(), figures.GetProperty("entities").GetInt64(), 3_000);
            Assert.True(figures.GetProperty("p50Ms").GetDouble() > 0);
            Assert.True(figures.GetProperty("p99Ms").GetDouble() >= figures.GetProperty("p50Ms").GetDouble());
            Assert.Equal(0, figures.GetProperty("mismatches").GetInt32());
        }
    }

    [Fact]
    public async Task A_run_with_a_crash_loses_nothing_and_every_caller_is_answered_in_the_end()
    {
        var (code, output) = await DriverProcess.RunAsync(
            servers, "--writes", "6000", "--entities", "300", "--concurrency", "64", "--crash", "--json", JsonPath);
        Assert.True(code == 0, output);
        Assert.Contains("SIGKILL", output, StringComparison.Ordinal);

        // What was under way when the service was killed is sent again with its id, and counts once.
        Assert.Equal(6_000, (await ReadFiguresAsync()).GetProperty("ackedWrites").GetInt64());
        Assert.Matches(@"outcome unknown\s+0\b", output);
    }

    [Fact]
    public async Task A_row_that_is_not_what_was_acknowledged_fails_the_run()
    {
        var own = new SampleServers();
        await own.InitializeAsync();
        try
        {
            await using (await EmbeddedService.StartAsync(own))
            {
                // The service has made its table; from here on the database miscounts one product.
            }

            await own.ExecuteAsync(
                """
                CREATE FUNCTION shop.miscount() RETURNS trigger LANGUAGE plpgsql AS
                  $$ BEGIN NEW.quantity := NEW.quantity + 1; RETURN NEW; END $$;
                CREATE TRIGGER miscount BEFORE INSERT OR UPDATE ON shop.stock FOR EACH ROW WHEN (NEW.id = 'product-0001')
                  EXECUTE FUNCTION shop.miscount();
                """);
            var (code, output) = await DriverProcess.RunAsync(own, "--writes", "500", "--entities", "50", "--json", JsonPath);
            Assert.Equal(1, code);
            Assert.Contains("product-0001: the row has 0 movements and +1 pieces", output, StringComparison.Ordinal);
            Assert.Equal(1, (await ReadFiguresAsync()).GetProperty("mismatches").GetInt32());
        }
        finally
        {
            await own.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_file_is_replayed_and_its_bad_rows_are_reported()
    {
        var file = Path.Combine(_folder, "orders.csv");
        await File.WriteAllTextAsync(file, "Code,Qty\r\nodd/{id} 1,5\r\n\"two\nlines\",-2\r\n🦊,x\r\n,1\r\nodd/{id} 1,7\r\n");
        var (code, output) = await DriverProcess.RunAsync(servers, "--input", file, "--key", "code", "--amount", "QTY", "--json", JsonPath);
        Assert.True(code == 0, output);
        Assert.Contains("line 5: the amount 'x'", output, StringComparison.Ordinal);
        Assert.Contains("line 6: the product is empty", output, StringComparison.Ordinal);
        var figures = await ReadFiguresAsync();
        Assert.Equal(3, figures.GetProperty("ackedWrites").GetInt64());
        Assert.Equal(2, figures.GetProperty("entities").GetInt32());
        Assert.Equal(2, figures.GetProperty("badRows").GetInt64());
        Assert.Equal((12, 2), await servers.ReadRowAsync("odd/{id} 1"));
    }

    [Theory]
    [InlineData("--writes", "many")]
    [InlineData("--writes", "-1")]
    [InlineData("--concurrency", "0")]
    [InlineData("--entities", "0")]
    [InlineData("--input", "/nowhere/orders.csv")]
    [InlineData("--key", "code")]
    [InlineData("--json", "/nowhere/summary.json")]
    [InlineData("--frobnicate", "1")]
    public async Task A_wrong_option_ends_with_2_and_is_named(string option, string value)
    {
        var (code, output) = await DriverProcess.RunAsync(servers, option, value);
        Assert.Equal(2, code);
        Assert.Contains(option, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_string_that_can_not_be_read_is_not_shown()
    {
        await using var driver = ChildProcess.Start(
            "dotnet",
            [SamplePaths.Driver],
            new Dictionary<string, string?>
            {
                ["WRITEBEHIND_REDIS"] = "localhost",
                ["WRITEBEHIND_POSTGRES"] = "postgres://shop:geheim@db/shop",
            });
        Assert.Equal(2, await driver.WaitForExitAsync());
        var output = string.Join('\n', driver.Output.Concat(driver.Errors));
        Assert.Contains("WRITEBEHIND_POSTGRES", output, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_c_drains_the_service_and_leaves_nothing_running()
    {
        await using var driver = DriverProcess.Start(servers, "--writes", "100000000", "--concurrency", "32");
        var address = await AddressAsync(driver, "The service is up at ");
        await driver.WaitForLineAsync(line => line.Contains(" dirty", StringComparison.Ordinal));

        driver.Interrupt();
        Assert.Equal(130, await driver.WaitForExitAsync(DriverProcess.Patience));
        Assert.Contains(driver.Errors, line => line.Contains("drained", StringComparison.Ordinal));
        Assert.False(await AnswersAsync(address));
        Assert.Equal(0, await servers.CountDirtyAsync());
    }

    [Fact]
    public async Task A_service_does_not_outlive_a_killed_driver()
    {
        await using var driver = DriverProcess.Start(servers, "--writes", "100000000", "--concurrency", "32");
        var address = await AddressAsync(driver, "The service is up at ");
        driver.Kill();
        await Eventually.TrueAsync(async () => !await AnswersAsync(address));
    }

    [Fact]
    public async Task Serve_stays_up_after_the_load_until_it_is_asked_to_stop()
    {
        await using var driver = DriverProcess.Start(servers, "--writes", "200", "--serve");
        var address = await AddressAsync(driver, "Serving at ");
        Assert.Contains(driver.Output, line => line.Contains("VERIFIED", StringComparison.Ordinal));
        using var client = new HttpClient();
        Assert.Contains("WriteBehind", await client.GetStringAsync(new Uri(address, "/writebehind")), StringComparison.Ordinal);

        driver.Terminate();
        Assert.Equal(0, await driver.WaitForExitAsync(DriverProcess.Patience));
        Assert.False(await AnswersAsync(address));
    }

    private static async Task<Uri> AddressAsync(ChildProcess driver, string prefix)
    {
        var line = await driver.WaitForLineAsync(line => line.StartsWith(prefix, StringComparison.Ordinal), DriverProcess.Patience);
        return new Uri(line[prefix.Length..].Split(' ')[0]);
    }

    private static async Task<bool> AnswersAsync(Uri address)
    {
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(address.Host, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task<JsonElement> ReadFiguresAsync() => JsonDocument.Parse(await File.ReadAllTextAsync(JsonPath)).RootElement;
}
