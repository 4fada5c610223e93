using System.Threading.RateLimiting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using WriteBehind.Caching;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Testing;
using WriteBehind.Tests.Caching;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>What caches, rate limits and queues in memory do that a test needs: time that it moves, and faults that it asks for.</summary>
public sealed class InMemoryServicesTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);

    [Fact]
    public async Task Entries_expire_with_the_time_that_a_test_moves()
    {
        await using var services = Services();
        var (cache, loader) = (services.GetRequiredService<ICache>(), new Loader());
        loader.OnCall = static call => Task.FromResult(call == 1 ? null : new Page(call));

        Assert.Null(await cache.GetOrLoadAsync("a", loader.LoadAsync));
        _time.Advance(Minute - TimeSpan.FromTicks(1));
        Assert.Null(await cache.GetOrLoadAsync("a", loader.LoadAsync));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(2, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        _time.Advance(10 * Minute - TimeSpan.FromTicks(1));
        Assert.Equal(2, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(3, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task A_sliding_entry_stays_while_it_is_read_and_not_beyond_its_absolute_end()
    {
        await using var services = Services(static cache => cache.SlidingTtl = 4 * Minute);
        var (cache, loader) = (services.GetRequiredService<ICache>(), new Loader());
        for (var minutes = 0; minutes < 9; minutes += 3)
        {
            Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
            _time.Advance(3 * Minute);
        }

        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        _time.Advance(Minute);
        Assert.Equal(2, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        _time.Advance(4 * Minute);
        Assert.Equal(3, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task A_stale_value_is_given_where_the_load_fails_and_the_loader_is_left_alone_for_a_while()
    {
        await using var services = Services(
            static cache => (cache.MaxStale, cache.StalePause, cache.NegativeTtl) = (5 * Minute, Minute, TimeSpan.Zero));
        var cache = services.GetRequiredService<ICache>();
        var loader = new Loader { OnCall = static call => call == 1 ? Task.FromResult<Page?>(new Page(1)) : throw new TimeoutException() };
        await cache.GetOrLoadAsync("a", loader.LoadAsync);
        _time.Advance(10 * Minute);

        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(2, loader.Calls);
        _time.Advance(Minute);
        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(3, loader.Calls);
        _time.Advance(5 * Minute);
        await Assert.ThrowsAsync<CacheLoadException>(async () => await cache.GetOrLoadAsync("a", loader.LoadAsync));
    }

    [Fact]
    public async Task An_entry_near_its_end_is_refreshed_beside_the_reads()
    {
        await using var services = Services(static cache => cache.EarlyRefresh = 100);
        var cache = services.GetRequiredService<ICache>();
        var (reached, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var loader = new Loader
        {
            OnCall = async call =>
            {
                if (call == 1)
                {
                    // XFetch goes by how long the load took.
                    _time.Advance(TimeSpan.FromSeconds(20));
                }
                else
                {
                    reached.SetResult();
                    await go.Task;
                }

                return new Page(call);
            },
        };
        await cache.GetOrLoadAsync("a", loader.LoadAsync);
        _time.Advance(10 * Minute - TimeSpan.FromSeconds(1));
        await TestTools.Eventually.TrueAsync(
            async () => (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 1 && reached.Task.IsCompleted);
        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        go.SetResult();
        await TestTools.Eventually.TrueAsync(async () => (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number == 2);
        Assert.Equal(2, loader.Calls);
    }

    [Fact]
    public async Task Many_keys_are_one_load_and_many_callers_of_a_key_too()
    {
        await using var services = Services();
        var cache = services.GetRequiredService<ICache>();
        var asked = new List<int>();
        var go = new TaskCompletionSource();
        var loader = new Loader
        {
            OnCall = async call =>
            {
                await go.Task;
                return new Page(call);
            },
        };
        var callers = Enumerable.Range(0, 1000).Select(_ => cache.GetOrLoadAsync("a", loader.LoadAsync).AsTask()).ToList();
        go.SetResult();
        Assert.All(await Task.WhenAll(callers), static page => Assert.Equal(1, page!.Number));

        string[] keys = [.. Enumerable.Range(0, 500).Select(static i => $"k{i}"), "a"];
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(501, (await cache.GetOrLoadManyAsync(keys, (missing, _) =>
            {
                asked.Add(missing.Count);
                return Task.FromResult<IReadOnlyDictionary<string, Page>>(missing.ToDictionary(key => key, static _ => new Page(0)));
            })).Count);
        }

        Assert.Equal([500], asked);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task While_redis_is_away_a_cache_loads_past_it_and_what_cannot_be_removed_is_an_error(int localCapacity)
    {
        await using var services = Services(cache => cache.LocalCapacity = localCapacity);
        var (cache, servers) = (services.GetRequiredService<ICache>(), services.GetRequiredService<InMemoryWriteBehind>());
        var loader = new Loader();
        await cache.GetOrLoadAsync("a", loader.LoadAsync);
        servers.RedisAway = true;

        Assert.Equal(2, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Equal(3, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        await Assert.ThrowsAsync<BufferUnavailableException>(() => cache.RemoveAsync("a"));
        servers.RedisAway = false;

        // It lives on where it was.
        Assert.Equal(1, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
    }

    [Fact]
    public async Task Rows_are_read_and_written_through_and_a_test_sees_and_changes_them()
    {
        await using var services = Services();
        var cache = services.GetRequiredService<IReadThroughCache<Reading>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        var table = servers.Table<Reading>();
        Assert.Same(table, servers.Table<Reading>("readings"));
        Assert.Null(await cache.GetAsync("a"));
        Assert.Equal(1, await cache.SetAsync("a", new Reading { Count = 1 }));
        Assert.Equal((1, 1), (table["a"]!.Version, table["a"]!.State.Count));

        Assert.Equal(2, table.Put("a", new Reading { Count = 2 }));
        Assert.Equal(1, (await cache.GetAsync("a"))!.State.Count);
        var conflict = await Assert.ThrowsAsync<WriteConflictException>(
            () => cache.SetAsync("a", new Reading { Count = 9 }, expectedVersion: 1));
        Assert.Equal((1, 2), (conflict.ExpectedVersion, conflict.CurrentVersion));
        Assert.Equal(2, (await cache.GetAsync("a"))!.State.Count);

        table.Put("b", new Reading { Count = 5 });
        Assert.Equal([2, 5], (await cache.GetManyAsync(["a", "b", "c"])).Values.Select(static row => row.State.Count).Order());
        await cache.DeleteAsync("a");
        Assert.Equal(["b"], table.Ids);
        Assert.Null(await cache.GetAsync("a"));
    }

    [Fact]
    public async Task What_the_database_refuses_or_does_not_take_is_told_and_nothing_is_cached()
    {
        await using var services = Services();
        var cache = services.GetRequiredService<IReadThroughCache<Reading>>();
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        await cache.SetAsync("a", new Reading { Count = 1 });
        servers.Table<Reading>().Reject(static row => row.State.Count < 0, "no negative numbers");
        Assert.Equal(
            "no negative numbers",
            (await Assert.ThrowsAsync<SinkException>(() => cache.SetAsync("a", new Reading { Count = -1 }))).Message);

        servers.RedisAway = true;
        var error = await Assert.ThrowsAsync<BufferUnavailableException>(() => cache.SetAsync("a", new Reading { Count = 2 }));
        Assert.False(error.OutcomeUnknown);
        servers.RedisAway = false;
        servers.DatabaseAway = true;
        await Assert.ThrowsAsync<SinkException>(() => cache.SetAsync("a", new Reading { Count = 2 }));
        await Assert.ThrowsAsync<CacheLoadException>(async () => await cache.GetAsync("b"));
        servers.DatabaseAway = false;
        Assert.Equal(1, (await cache.GetAsync("a"))!.State.Count);
    }

    [Fact]
    public async Task A_window_slides_with_the_time_that_a_test_moves_and_never_has_more_than_the_limit()
    {
        await using var services = Services();
        var limiter = services.GetRequiredService<IRateLimits>().For("api", "ann");
        var random = new Random(7);
        var admitted = new List<DateTimeOffset>();
        for (var i = 0; i < 2000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(0, 4000)));
            var now = _time.GetUtcNow();
            var expected = admitted.Count(at => at > now - Minute) < 20;
            var lease = await limiter.AcquireAsync();
            Assert.Equal(expected, lease.IsAcquired);
            if (expected)
            {
                admitted.Add(now);
                continue;
            }

            // Told to the microsecond, which is what Redis counts in.
            Assert.True(lease.TryGetMetadata(MetadataName.RetryAfter, out var wait));
            Assert.InRange(
                (admitted[^20] + Minute - now - wait).TotalMicroseconds, -1, 1);
        }
    }

    [Theory]
    [InlineData(WhenRedisIsAway.Admit)]
    [InlineData(WhenRedisIsAway.Reject)]
    public async Task While_redis_is_away_a_limit_answers_what_was_chosen_and_afterwards_it_is_back_at_once(WhenRedisIsAway choice)
    {
        await using var services = Services(limit: limit => (limit.WhenAway, limit.Permits) = (choice, 1));
        var (limits, servers) = (services.GetRequiredService<IRateLimits>(), services.GetRequiredService<InMemoryWriteBehind>());
        var limiter = limits.For("api", "ann");
        Assert.True((await limiter.AcquireAsync()).IsAcquired);
        Assert.False((await limiter.AcquireAsync()).IsAcquired);
        servers.RedisAway = true;
        var lease = await limiter.AcquireAsync();
        Assert.Equal(choice == WhenRedisIsAway.Admit, lease.IsAcquired);
        Assert.True(lease.TryGetMetadata(LimitMetadata.Unchecked, out _));
        servers.RedisAway = false;
        Assert.False((await limiter.AcquireAsync()).IsAcquired);
        servers.Reset();
        Assert.True((await limiter.AcquireAsync()).IsAcquired);
    }

    [Fact]
    public async Task A_worker_that_died_is_noticed_by_time_or_at_once_where_the_test_says_so()
    {
        var servers = new InMemoryWriteBehind(_time);
        await using var services = Services(servers: servers);
        var queue = services.GetRequiredKeyedService<IReliableQueue>("jobs");
        foreach (var item in "abc")
        {
            await queue.EnqueueAsync($"{item}");
        }

        await using var dead = queue.OpenWorker();
        await using var other = queue.OpenWorker();
        var held = await dead.TakeAsync(2);
        Assert.Equal(2, servers.GiveUpWorkers("jobs"));
        Assert.Equal(0, servers.GiveUpWorkers("jobs"));
        Assert.Equal(["a", "b", "c"], (await other.TakeAsync(10)).Items);
        Assert.Equal(0, await held.AcknowledgeAsync());

        // It goes on under a new name.
        await queue.EnqueueAsync("d");
        Assert.Equal(["d"], (await dead.TakeAsync()).Items);
        Assert.Equal(new QueueCounts(0, 4, 2), await queue.CountAsync());
    }

    [Fact]
    public async Task A_queue_fails_while_redis_is_away_and_may_have_an_item_whose_answer_got_lost()
    {
        await using var services = Services();
        var (queue, servers) =
            (services.GetRequiredKeyedService<IReliableQueue>("jobs"), services.GetRequiredService<InMemoryWriteBehind>());
        servers.RedisAway = true;
        Assert.False((await Assert.ThrowsAsync<BufferUnavailableException>(() => queue.EnqueueAsync("a"))).OutcomeUnknown);
        await using var worker = queue.OpenWorker();
        await Assert.ThrowsAsync<BufferUnavailableException>(() => worker.TakeAsync());
        servers.RedisAway = false;

        servers.LoseNextAnswer(written: false);
        Assert.True((await Assert.ThrowsAsync<BufferUnavailableException>(() => queue.EnqueueAsync("b"))).OutcomeUnknown);
        servers.LoseNextAnswer();
        Assert.True((await Assert.ThrowsAsync<BufferUnavailableException>(() => queue.EnqueueAsync("c"))).OutcomeUnknown);
        Assert.Equal(["c"], (await worker.TakeAsync(10)).Items);
    }

    [Fact]
    public async Task A_reset_begins_anew_with_all_of_them()
    {
        await using var services = Services(static cache => cache.LocalCapacity = 100);
        var servers = services.GetRequiredService<InMemoryWriteBehind>();
        var (cache, rows) = (services.GetRequiredService<ICache>(), services.GetRequiredService<IReadThroughCache<Reading>>());
        var queue = services.GetRequiredKeyedService<IReliableQueue>("jobs");
        var loader = new Loader();
        await cache.GetOrLoadAsync("a", loader.LoadAsync);
        await rows.SetAsync("a", new Reading());
        await queue.EnqueueAsync("a");
        await using var worker = queue.OpenWorker();
        await worker.TakeAsync();
        servers.Reset();

        Assert.Equal(2, (await cache.GetOrLoadAsync("a", loader.LoadAsync))!.Number);
        Assert.Null(await rows.GetAsync("a"));
        Assert.Equal(default, await queue.CountAsync());
        Assert.Equal(EnqueueOutcome.Added, await queue.EnqueueAsync("b"));
        Assert.Equal(["b"], (await worker.TakeAsync()).Items);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_registrations_of_an_application_stay_as_they_are_before_it_and_after_it(bool applicationFirst)
    {
        var services = new ServiceCollection();
        if (applicationFirst)
        {
            Application();
        }

        services.AddWriteBehindForTests();
        if (!applicationFirst)
        {
            Application();
        }

        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<IReadThroughCache<Reading>>().SetAsync("a", new Reading { Count = 1 });
        Assert.True((await provider.GetRequiredService<IRateLimits>().For("api", "ann").AcquireAsync()).IsAcquired);
        Assert.Equal(EnqueueOutcome.Added, await provider.GetRequiredKeyedService<IReliableQueue>("jobs").EnqueueAsync("a"));
        await provider.GetRequiredService<ICache>().RemoveAllAsync();
        Assert.False(await provider.GetRequiredKeyedService<ICacheInvalidator>("pages").TryLeadAsync(Minute));
        Assert.Equal(["a"], provider.GetRequiredService<InMemoryWriteBehind>().Table<Reading>().Ids);

        void Application()
        {
            services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql("Host=127.0.0.1;Port=1"));
            Add(services.AddWriteBehind().UseRedis("127.0.0.1:1").UseEntityFramework<ItemContext>());
        }
    }

    [Fact]
    public async Task A_wrong_setting_is_an_error_as_it_is_with_real_servers()
    {
        await using var services = Services(static cache => cache.Jitter = 2);
        var failure = Assert.Single(Assert.Throws<OptionsValidationException>(services.GetRequiredService<ICache>).Failures);
        Assert.StartsWith("Jitter of cache 'pages' is '2'", failure, StringComparison.Ordinal);
    }

    private ServiceProvider Services(
        Action<CacheOptions>? cache = null, Action<LimitOptions>? limit = null, InMemoryWriteBehind? servers = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_time);
        Add(services.AddWriteBehindForTests(servers), cache, limit);
        return services.BuildServiceProvider();
    }

    private static void Add(WriteBehindBuilder builder, Action<CacheOptions>? cache = null, Action<LimitOptions>? limit = null)
        => builder
            .AddCache("pages", options =>
            {
                (options.Ttl, options.NegativeTtl, options.Jitter, options.EarlyRefresh) = (10 * Minute, Minute, 0, 0);
                options.LocalCapacity = 0;
                cache?.Invoke(options);
            })
            .AddReadThroughCache<Reading>("readings")
            .AddRateLimit("api", options =>
            {
                (options.Permits, options.Window) = (20, Minute);
                limit?.Invoke(options);
            })
            .AddQueue("jobs");
}
