using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WriteBehind.RateLimits;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class LimitOptionTests
{
    private static readonly Dictionary<string, Action<LimitOptions>[]> Settings = new()
    {
        ["Permits"] = [o => o.Permits = 0, o => o.Permits = 100_001],
        ["Window"] = [o => o.Window = TimeSpan.FromMilliseconds(9), o => o.Window = TimeSpan.FromDays(2)],
        ["WhenAway"] = [o => o.WhenAway = (WhenRedisIsAway)7],
        ["Timeout"] = [o => o.Timeout = TimeSpan.Zero, o => o.Timeout = TimeSpan.FromMinutes(2)],
        ["AwayPause"] = [o => o.AwayPause = TimeSpan.FromSeconds(-1), o => o.AwayPause = TimeSpan.FromMinutes(2)],
        ["Shards"] = [o => o.Shards = 0, o => o.Shards = 1_025],
    };

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var (setting, wrong) in Settings)
            {
                for (var i = 0; i < wrong.Length; i++)
                {
                    cases.Add(setting, i);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_wrong_setting_is_named_with_its_value_and_the_fix(string setting, int n)
    {
        LimitOptions? wrong = null;
        await using var service = LimitService.Start("localhost:1", "limit", options => Settings[setting][n](wrong = options));
        var error = Assert.Throws<OptionsValidationException>(() => service.Limits);

        var value = typeof(LimitOptions).GetProperty(setting)!.GetValue(wrong);
        Assert.StartsWith(
            FormattableString.Invariant($"{setting} of rate limit 'api' is '{value}': use "),
            Assert.Single(error.Failures),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_name_or_one_that_is_used_twice_is_named()
    {
        await using var service = LimitService.Start("localhost:1", "limit", more: services
            => services.AddWriteBehindEngine().AddRateLimit("Not a name").AddRateLimit(LimitService.Limit));
        var failures = Assert.Throws<OptionsValidationException>(() => service.Limits).Failures.ToArray();

        Assert.Equal(2, failures.Length);
        Assert.Contains(failures, failure => failure.Contains("'api' is registered 2 times", StringComparison.Ordinal));
        Assert.Contains(failures, failure => failure.StartsWith("Name of rate limit 'Not a name'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_limit_that_is_not_registered_and_a_senseless_one_of_a_caller_are_named()
    {
        await using var service = LimitService.Start(
            "localhost:1", "limit", options => options.LimitOf = _ => new WindowLimit(0, TimeSpan.FromSeconds(1)));

        var unknown = Assert.Throws<ConfigurationException>(() => service.Limits.For("apy", "ann"));
        var senseless = Assert.Throws<ConfigurationException>(() => service.Limits.For(LimitService.Limit, "ann"));

        Assert.Contains("AddRateLimit(\"apy\"", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("Permits is '0': use 1 to 100,000.", senseless.Message, StringComparison.Ordinal);
    }
}
