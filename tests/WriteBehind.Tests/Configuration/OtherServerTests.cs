using StackExchange.Redis;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Configuration;

/// <summary>Servers and proxies that speak Redis' protocol and are not Redis: what is relied on is tried out, and told truly.</summary>
public sealed class OtherServerTests
{
    [Fact]
    public async Task Garnet_whose_scripts_interleave_is_refused_with_what_to_set()
    {
        await using var garnet = await GarnetServer.StartAsync("--lua");

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new() { Redis = garnet.Configuration }));

        Assert.Contains("--lua-transaction-mode", error.Message, StringComparison.Ordinal);
        Assert.Contains("interleave", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Garnet_without_scripts_is_refused_with_what_to_set()
    {
        await using var garnet = await GarnetServer.StartAsync();

        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new() { Redis = garnet.Configuration }));

        Assert.Contains("--lua --lua-transaction-mode", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Garnet_that_is_set_up_as_documented_works_and_its_durability_is_told_truly()
    {
        await using var garnet = await GarnetServer.StartAsync(
            "--lua", "--lua-transaction-mode", "--aof", "--aof-commit-wait", "--recover");
        await using var engine = await TestEngine.StartAsync(new() { Redis = garnet.Configuration, Sweep = true });
        Assert.Empty((await engine.Engine.GetStatusAsync()).Durability.Warnings);

        string[] ids = [.. Enumerable.Range(0, 40).Select(static i => $"{i}")];
        for (var round = 1; round <= 5; round++)
        {
            await Task.WhenAll(ids.Select(id => engine.Items.UpdateAsync(id, static item => new Item((item?.Quantity ?? 0) + 1))));
        }

        Assert.True((await engine.FlushAllAsync()).IsClean);
        var rows = await engine.Table.RowsAsync();
        Assert.All(ids, id => Assert.Equal((5, 5), (rows[id].Version, rows[id].Quantity)));
        await engine.Items.DeleteAsync("0");
        Assert.True((await engine.FlushAllAsync()).IsClean);
        Assert.False((await engine.Table.RowsAsync()).ContainsKey("0"));
    }

    [Fact]
    public async Task Garnet_without_an_append_only_file_is_told_so()
    {
        await using var garnet = await GarnetServer.StartAsync("--lua", "--lua-transaction-mode");
        await using var engine = await TestEngine.StartAsync(new() { Redis = garnet.Configuration });

        Assert.Contains("--aof", Assert.Single((await engine.Engine.GetStatusAsync()).Durability.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",proxy=Twemproxy")]
    public async Task A_proxy_that_sends_a_script_where_its_first_key_is_is_refused(string configured)
    {
        await using var one = await RedisServer.StartAsync();
        await using var two = await RedisServer.StartAsync();
        await using var proxy = await Nutcracker.StartAsync([one, two]);

        var error = await Assert.ThrowsAsync<ConfigurationException>(
            () => TestEngine.StartAsync(new() { Redis = one.ConfigurationFor(proxy.Port) + configured }));

        Assert.Contains("proxy", error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("Connect to Redis", error.Message, StringComparison.Ordinal);
        Assert.Equal("UseRedis", error.Setting);
    }

    // Found by ./chaos.sh: a slow answer at the start ended in advice to leave a proxy that was not there.
    [Fact]
    public async Task A_server_that_answers_again_by_the_time_it_is_looked_at_is_no_proxy()
    {
        var server = await SharedServers.RedisAsync();
        var diagnosis = new ConnectionDiagnosis(ConfigurationOptions.Parse(server.Configuration), TimeProvider.System);

        await diagnosis.RefuseProxyAsync("key");
    }

    [Fact]
    public async Task A_server_that_does_not_run_is_no_proxy()
    {
        await using var gone = await RedisServer.StartAsync();
        await gone.StopAsync();

        await Assert.ThrowsAsync<BufferUnavailableException>(() => TestEngine.StartAsync(new() { Redis = gone.Configuration }));
    }
}
