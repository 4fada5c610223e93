using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using WriteBehind.RateLimits;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

/// <summary>Decisions of all shards share calls where one server was proved to hold them, and go shard by shard otherwise.</summary>
public sealed class SharedCallTests
{
    [Fact]
    public async Task Callers_of_all_shards_share_calls_where_one_server_holds_them()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit");
        await ProvedAsync(service);
        var before = await CallsAsync(redis);
        await redis.FreezeAsync();

        var decisions = Enumerable.Range(0, 200).Select(i => AskAsync(service, $"caller {i}")).ToList();
        await redis.ThawAsync();

        Assert.All(await Task.WhenAll(decisions), static lease => Assert.True(IsChecked(lease)));
        Assert.InRange(await CallsAsync(redis) - before, 1, 8);
    }

    [Fact]
    public async Task In_one_call_each_caller_has_its_own_limit_and_its_own_wait()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit", limit =>
        {
            (limit.Permits, limit.Window) = (2, TimeSpan.FromHours(1));
            limit.LimitOf = static caller => caller == "guest" ? new WindowLimit(1, TimeSpan.FromMinutes(5)) : null;
        });
        await ProvedAsync(service);
        await redis.FreezeAsync();

        string[] callers = ["ann", "guest", "ann", "bob", "guest", "ann", "bob"];
        var decisions = callers.Select(caller => AskAsync(service, caller)).ToList();
        await redis.ThawAsync();
        var leases = await Task.WhenAll(decisions);

        Assert.Equal(2, Admitted("ann"));
        Assert.Equal(1, Admitted("guest"));
        Assert.Equal(2, Admitted("bob"));
        Assert.InRange(WaitOf("guest"), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5));
        Assert.InRange(WaitOf("ann"), TimeSpan.FromMinutes(30), TimeSpan.FromHours(1));

        int Admitted(string caller) => leases.Where((lease, i) => callers[i] == caller && lease.IsAcquired).Count();

        TimeSpan WaitOf(string caller)
            => leases.Where((lease, i) => callers[i] == caller && !lease.IsAcquired)
                .Select(static lease => lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : default).First();
    }

    [Fact]
    public async Task A_call_that_was_refused_for_its_keys_is_made_shard_by_shard()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var service = LimitService.Start(redis.Configuration, "limit");
        await ProvedAsync(service);
        string[] callers = [.. Enumerable.Range(0, 100).Select(static i => $"caller {i}")];
        var allowed = service.KeyOf(callers[0])[..service.KeyOf(callers[0]).IndexOf(":window:", StringComparison.Ordinal)];
        await redis.SendAsync("ACL", "SETUSER", "default", "resetkeys", $"~{allowed}*");

        var leases = await Task.WhenAll(callers.Select(caller => AskAsync(service, caller)));

        Assert.All(callers.Zip(leases), pair => Assert.Equal(
            service.KeyOf(pair.First).StartsWith(allowed, StringComparison.Ordinal), IsChecked(pair.Second)));
    }

    [Fact]
    public async Task Behind_a_proxy_that_tears_scripts_apart_it_is_said_that_too_many_may_pass()
    {
        await using var one = await RedisServer.StartAsync();
        await using var two = await RedisServer.StartAsync();
        await using var proxy = await Nutcracker.StartAsync([one, two]);
        var log = new TestLog();
        await using var service = LimitService.Start(
            one.ConfigurationFor(proxy.Port) + ",proxy=Twemproxy", "limit", more: services => services.AddLogging(
                logging => logging.AddProvider(log)));

        await Eventually.TrueAsync(async () =>
        {
            await AskAsync(service, "ann");
            return log.Has(LogLevel.Error, "may let too many pass");
        });
    }

    /// <summary>Until decisions share calls: a first one sets out to find that they may.</summary>
    private static Task ProvedAsync(LimitService service) => Eventually.TrueAsync(async () =>
    {
        await AskAsync(service, "first");
        return service.Redis.IsOneServer;
    });

    private static Task<RateLimitLease> AskAsync(LimitService service, string caller)
        => service.Limits.For(LimitService.Limit, caller).AcquireAsync().AsTask();

    private static bool IsChecked(RateLimitLease lease) => !lease.TryGetMetadata(LimitMetadata.Unchecked, out _);

    private static async Task<int> CallsAsync(RedisServer redis)
    {
        var line = (await redis.SendAsync("INFO", "commandstats"))!.Split('\n')
            .Single(static line => line.StartsWith("cmdstat_evalsha:calls=", StringComparison.Ordinal));
        return int.Parse(line.Split('=', ',')[1], CultureInfo.InvariantCulture);
    }
}
