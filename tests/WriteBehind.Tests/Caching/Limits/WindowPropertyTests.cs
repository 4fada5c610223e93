using System.Globalization;
using WriteBehind.Tests.Children;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching.Limits;

public sealed class WindowPropertyTests
{
    [Fact]
    public async Task No_window_wherever_it_begins_has_more_than_the_limit_with_callers_in_three_processes()
    {
        var redis = await SharedServers.RedisAsync();
        var prefix = SharedServers.FreshName("limit");
        var children = Enumerable.Range(0, 3).Select(_ => Program.Start<HammeringCaller>(redis.Configuration, prefix, "lenient")).ToArray();
        try
        {
            await Task.WhenAll(children.Select(child => child.WaitForLineAsync(static line => line == "up")));
            await Task.WhenAll(children.Select(child => child.WriteLineAsync("go")));
            await Task.WhenAll(children.Select(child => child.WaitForLineAsync(static line => line == "done")));

            var admitted = children.SelectMany(child => child.Output)
                .Where(static line => line.StartsWith("admitted", StringComparison.Ordinal)).SelectMany(Permits).Order().ToArray();
            AssertNoWindowOver(HammeringCaller.Permits, HammeringCaller.Window, admitted);

            // Not far below it either: it is used up again and again.
            Assert.InRange(admitted.Length, 4 * HammeringCaller.Permits, int.MaxValue);
            Assert.All(
                children, child => Assert.Contains(child.Output, static line => line.StartsWith("admitted", StringComparison.Ordinal)));
            Assert.InRange(long.Parse(
                await redis.SendAsync("EVAL", "return tostring(#redis.call('KEYS', ARGV[1]))", "0", prefix + ":*") ?? "",
                CultureInfo.InvariantCulture), 0, 1);
        }
        finally
        {
            foreach (var child in children)
            {
                await child.DisposeAsync();
            }
        }
    }

    [Fact]
    public void The_check_itself_finds_a_window_that_has_more_than_the_limit()
    {
        long[] good = [0, 10, 100, 110, 200];
        AssertNoWindowOver(2, TimeSpan.FromMicroseconds(100), good);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertNoWindowOver(2, TimeSpan.FromMicroseconds(101), good));
    }

    /// <summary>Any window that holds more than the limit holds one permit and the one that comes <c>limit</c> later.</summary>
    private static void AssertNoWindowOver(int limit, TimeSpan window, long[] admitted)
    {
        for (var i = limit; i < admitted.Length; i++)
        {
            Assert.True(
                admitted[i] - admitted[i - limit] >= window.TotalMicroseconds,
                $"{limit + 1} permits were granted within {admitted[i] - admitted[i - limit]} µs, from {admitted[i - limit]}.");
        }
    }

    private static IEnumerable<long> Permits(string line)
    {
        var parts = line.Split(' ');
        return Enumerable.Repeat(long.Parse(parts[1], CultureInfo.InvariantCulture), int.Parse(parts[2], CultureInfo.InvariantCulture));
    }
}
