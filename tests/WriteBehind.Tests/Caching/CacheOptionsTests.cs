using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WriteBehind.Caching;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Caching;

public sealed class CacheOptionsTests
{
    private static readonly TimeSpan TooLong = TimeSpan.FromDays(400);
    private static readonly TimeSpan TooShort = TimeSpan.FromMilliseconds(9);

    private static readonly Dictionary<string, Action<ReadThroughOptions<Reading>>[]> Settings = new()
    {
        ["Ttl"] = [o => o.Ttl = TooLong],
        ["Jitter"] = [o => o.Jitter = -0.1, o => o.Jitter = 1, o => o.Jitter = double.NaN],
        ["SlidingTtl"] = [o => o.SlidingTtl = TimeSpan.Zero, o => o.SlidingTtl = TimeSpan.FromHours(1)],
        ["NegativeTtl"] = [o => o.NegativeTtl = TooShort, o => o.NegativeTtl = TimeSpan.FromHours(1)],
        ["MaxStale"] = [o => o.MaxStale = -TooShort, o => o.MaxStale = TooLong],
        ["StalePause"] = [o => o.StalePause = -TooShort, o => o.StalePause = TooLong],
        ["LoadTimeout"] = [o => o.LoadTimeout = TooShort],
        ["MaxConcurrentLoads"] = [o => o.MaxConcurrentLoads = 0, o => o.MaxConcurrentLoads = 10_001],
        ["FenceTime"] = [o => o.FenceTime = TimeSpan.FromSeconds(30), o => o.FenceTime = TooLong],
        ["LockLease"] = [o => o.LockLease = TimeSpan.FromMilliseconds(99), o => o.LockLease = TooLong],
        ["LockWait"] = [o => o.LockWait = TooShort, o => o.LockWait = TooLong],
        ["EarlyRefresh"] = [o => o.EarlyRefresh = -1, o => o.EarlyRefresh = 101, o => o.EarlyRefresh = double.NaN],
        ["LocalCapacity"] = [o => o.LocalCapacity = -1],
        ["LocalTtl"] = [o => o.LocalTtl = TooShort, o => o.LocalTtl = TooLong],
        ["SyncInterval"] = [o => o.SyncInterval = TooShort, o => o.SyncInterval = TooLong],
        ["Shards"] = [o => o.Shards = 0, o => o.Shards = 1_025],
        ["SchemaVersion"] = [o => o.SchemaVersion = 0, o => o.SchemaVersion = 65_536],
        ["MaxPayloadBytes"] = [o => o.MaxPayloadBytes = 0],
        ["Json"] = [o => o.Json = null!],
        ["WriteTimeout"] = [o => o.WriteTimeout = TimeSpan.FromMilliseconds(999)],
    };

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var (setting, wrong) in Settings)
            {
                for (var n = 0; n < wrong.Length; n++)
                {
                    cases.Add(setting, n);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_wrong_setting_is_named_with_its_cache_its_value_and_the_fix(string setting, int n)
    {
        object? value = null;
        var error = await FailAsync(builder => builder.AddReadThroughCache<Reading>("rows", o =>
        {
            Settings[setting][n](o);
            value = o.GetType().GetProperty(setting)!.GetValue(o);
        }));
        var failure = Assert.Single(error.Failures);
        Assert.StartsWith(
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{setting} of cache 'rows' is '{value}': use "),
            failure,
            StringComparison.Ordinal);
        Assert.EndsWith(".", failure, StringComparison.Ordinal);
    }

    [Fact]
    public void No_setting_is_left_unvalidated() => Assert.Equal(
        typeof(ReadThroughOptions<Reading>).GetProperties()
            .Where(static property =>
                property.CanWrite && property.PropertyType != typeof(bool) && property.Name != nameof(ReadThroughOptions<>.TagsOf))
            .Select(static property => property.Name).Order(StringComparer.Ordinal),
        Settings.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("")]
    [InlineData("Rows")]
    [InlineData("cache.rows")]
    [InlineData("ro{w}s")]
    public async Task A_wrong_name_is_refused(string name)
        => Assert.StartsWith(
            $"Name of cache '{name}'",
            Assert.Single((await FailAsync(builder => builder.AddCache(name))).Failures),
            StringComparison.Ordinal);

    [Fact]
    public async Task A_write_timeout_that_does_not_fit_into_the_fence_time_is_refused()
        => Assert.Contains(
            (await FailAsync(static builder =>
                builder.AddReadThroughCache<Reading>("rows", static rows => rows.WriteTimeout = TimeSpan.FromSeconds(50)))).Failures,
            static failure => failure.StartsWith(
                "FenceTime of cache 'rows' is '00:01:00': use at least one and a half times WriteTimeout", StringComparison.Ordinal));

    [Fact]
    public async Task A_read_through_cache_over_a_type_that_is_written_behind_is_refused_as_it_would_hide_buffered_writes()
        => Assert.Contains(
            (await FailAsync(static builder => builder.AddReadThroughCache<Item>("items"))).Failures,
            static failure => failure.Contains("written behind as 'item'", StringComparison.Ordinal)
                && failure.Contains("IEntityStore<Item>", StringComparison.Ordinal));

    [Fact]
    public async Task Two_caches_of_one_name_are_refused()
        => Assert.Contains(
            "The cache 'pages' is registered 2 times: register each name once.",
            (await FailAsync(static builder => builder.AddCache("pages").AddReadThroughCache<Reading>("pages"))).Failures);

    private static Task<OptionsValidationException> FailAsync(Action<WriteBehindBuilder> more)
        => Assert.ThrowsAsync<OptionsValidationException>(() => TestEngine.StartAsync(new() { More = more }));
}
