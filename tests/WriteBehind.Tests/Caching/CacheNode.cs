using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Caching;
using WriteBehind.Testing;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

/// <summary>
/// One process of a service with caches, in this process: the cache <c>pages…</c>, and the read-through cache <c>readings…</c>.
/// </summary>
internal sealed class CacheNode : IAsyncDisposable
{
    private readonly TestEngine? _engine;
    private readonly InMemoryWriteBehind? _servers;
    private readonly ServiceProvider? _services;

    private CacheNode(string name, TestEngine engine) => (Name, _engine) = (name, engine);

    private CacheNode(string name, InMemoryWriteBehind servers, ServiceProvider services)
        => (Name, _servers, _services) = (name, servers, services);

    /// <summary>The engine on real servers.</summary>
    public TestEngine Engine => _engine ?? throw new InvalidOperationException("This node is in memory.");

    /// <summary>The name of the cache. Fresh per test, as the meter is the process'.</summary>
    public string Name { get; }

    public ICache Cache => Services.GetRequiredService<ICache>();

    public IReadThroughCache<Reading> Readings => Services.GetRequiredService<IReadThroughCache<Reading>>();

    private IServiceProvider Services => _services ?? Engine.Services;

    /// <summary>Starts the first process of a service.</summary>
    public static Task<CacheNode> StartAsync(
        Action<CacheOptions>? cache = null, Action<ReadThroughOptions<Reading>>? readings = null,
        string? redis = null, string? postgres = null)
        => StartAsync(new TestEngineOptions { Redis = redis, Postgres = postgres }, SharedServers.FreshName("pages"), cache, readings);

    /// <summary>The same on either servers.</summary>
    public static Task<CacheNode> StartAsync(
        Servers on, Action<CacheOptions>? cache = null, Action<ReadThroughOptions<Reading>>? readings = null)
        => on == Servers.Real
            ? StartAsync(cache, readings)
            : Task.FromResult(StartInMemory(new InMemoryWriteBehind(), SharedServers.FreshName("pages"), cache, readings));

    /// <summary>Starts another process of the same service.</summary>
    public Task<CacheNode> StartOtherAsync(
        Action<CacheOptions>? cache = null, Action<ReadThroughOptions<Reading>>? readings = null, string? redis = null)
        => _servers is not null
            ? Task.FromResult(StartInMemory(_servers, Name, cache, readings))
            : StartAsync(Engine.Options with { Redis = redis ?? Engine.Options.Redis, More = null, Probe = null }, Name, cache, readings);

    public static async Task<CacheNode> StartAsync(
        TestEngineOptions options,
        string name,
        Action<CacheOptions>? cache = null,
        Action<ReadThroughOptions<Reading>>? readings = null,
        Action<WriteBehindBuilder>? more = null)
        => new(name, await TestEngine.StartAsync(options with
        {
            More = builder =>
            {
                AddCaches(builder, name, cache, readings);
                more?.Invoke(builder);
            },
        }));

    /// <summary>A key of the cache in Redis.</summary>
    public string KeyOf(string part) => $"{Engine.Options.Prefix}:{{cache.{Name}:00}}:{part}";

    /// <summary>Sets a field of an entry of the cache, with what its content says of it: what would have become of it by itself.</summary>
    public async Task SetFieldAsync(string key, string field, string value) => await (await SharedServers.RedisAsync()).SendAsync(
        "EVAL",
        """
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
        local kind, s, x, c, rest = string.match(redis.call('GET', KEYS[2]), '^(%a)(%d+) (%d+) (%S+)(.*)$')
        if ARGV[1] == 'x' then x = ARGV[2] elseif ARGV[1] == 'c' then c = ARGV[2] end
        redis.call('SET', KEYS[2], kind .. s .. ' ' .. x .. ' ' .. c .. rest, 'KEEPTTL')
        """,
        "2", KeyOf($"e1:{key}"), KeyOf($"d1:{key}"), field, value);

    public async Task PutRowAsync(string id, long version, long count)
    {
        if (_servers is not null)
        {
            _servers.Table<Reading>().Put(id, new Reading { Count = count }, version);
            return;
        }

        await Engine.Table.ExecuteAsync(
            """
            INSERT INTO readings (id, count, value, "Version") VALUES (@id, @count, 0, @version)
            ON CONFLICT (id) DO UPDATE SET count = excluded.count, "Version" = excluded."Version"
            """,
            new("id", id),
            new("count", count),
            new("version", version));
    }

    public async Task<long?> RowCountOfAsync(string id)
        => _servers is not null
            ? _servers.Table<Reading>()[id]?.State.Count
            : await Engine.Table.ScalarAsync<long?>("SELECT count FROM readings WHERE id = @id", [new("id", id)]);

    public ValueTask DisposeAsync() => _services?.DisposeAsync() ?? Engine.DisposeAsync();

    private static CacheNode StartInMemory(
        InMemoryWriteBehind servers,
        string name,
        Action<CacheOptions>? cache,
        Action<ReadThroughOptions<Reading>>? readings)
    {
        var services = new ServiceCollection();
        AddCaches(services.AddWriteBehindForTests(servers), name, cache, readings);
        return new CacheNode(name, servers, services.BuildServiceProvider());
    }

    private static void AddCaches(
        WriteBehindBuilder builder, string name, Action<CacheOptions>? cache, Action<ReadThroughOptions<Reading>>? readings)
    {
        builder.AddCache(name, settings =>
        {
            Quiet(settings);
            cache?.Invoke(settings);
        });
        builder.AddReadThroughCache<Reading>($"{name}-rows", settings =>
        {
            Quiet(settings);
            readings?.Invoke(settings);
        });
    }

    // What depends on chance or on the clock is off unless a test is about it.
    private static void Quiet(CacheOptions settings)
    {
        (settings.EarlyRefresh, settings.Jitter, settings.LocalCapacity) = (0, 0, 0);
        settings.SyncInterval = TimeSpan.FromMilliseconds(100);
    }
}
