using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Tests.Children;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

/// <summary>Reads one key many times at once, together with other processes. The load is slow, and counted in Redis.</summary>
internal sealed class StampedingReader : IChildProgram
{
    public static string GoKey(TestEngineOptions options) => $"{options.Prefix}-go";

    public static string LoadsKey(TestEngineOptions options) => $"{options.Prefix}-loads";

    public async Task RunAsync(IReadOnlyList<string> arguments)
    {
        var options = ChildEngine.OptionsFrom(arguments);
        await using var node = await CacheNode.StartAsync(options, arguments[3]);
        var redis = (await node.Engine.Services.GetRequiredService<IRedisConnection>().GetAsync()).GetDatabase();
        Console.WriteLine("ready");
        await Eventually.TrueAsync(async () => await redis.KeyExistsAsync(GoKey(options)));
        var pages = await Task.WhenAll(Enumerable.Range(0, int.Parse(arguments[4], CultureInfo.InvariantCulture)).Select(
            _ => node.Cache.GetOrLoadAsync<Page>("a", async _ =>
            {
                var load = await redis.StringIncrementAsync(LoadsKey(options));
                await node.Engine.Table.ExecuteAsync("SELECT pg_sleep(0.5)");
                return new Page(load);
            }).AsTask()));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"read {pages.Length} of {string.Join(',', pages.Select(page => page!.Number).Distinct())}"));
    }
}
