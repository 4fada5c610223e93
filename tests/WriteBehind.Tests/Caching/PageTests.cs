using System.Runtime.CompilerServices;
using System.Threading.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.RateLimits;
using WriteBehind.Tests.Caching.Limits;
using WriteBehind.Tests.Caching.Queues;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Caching;

public sealed class PageTests
{
    [Fact]
    public async Task The_examples_do_what_they_say()
    {
        await using var redis = await RedisServer.StartAsync();
        var services = new ServiceCollection();
        LimitsPageExample.Register(services, redis.Configuration);
        await using var provider = services.BuildServiceProvider();
        await provider.GetRequiredService<IRedisConnection>().GetAsync();
        var limits = provider.GetRequiredService<IRateLimits>();
        Assert.Equal(99, SlidingWindowTests.Metadata(await AskAsync("ann"), LimitMetadata.Remaining));
        Assert.Equal(999, SlidingWindowTests.Metadata(await AskAsync("gold-bob"), LimitMetadata.Remaining));

        var handled = new List<string>();
        await QueuePageExample.RunAsync(redis.Configuration, items =>
        {
            handled.AddRange(items);
            return Task.CompletedTask;
        });
        Assert.Equal(["order 7"], handled);
        Assert.Equal("0", await redis.SendAsync("LLEN", "wb:{mails}:queue:ready"));

        async Task<RateLimitLease> AskAsync(string caller) => await limits.For("api", caller).AcquireAsync();
    }

    [Theory]
    [InlineData("Limits/LimitsPageExample.cs", "limits.md")]
    [InlineData("Queues/QueuePageExample.cs", "queue.md")]
    public async Task The_page_shows_the_example_word_for_word(string file, string page)
    {
        var source = await File.ReadAllTextAsync(PathOf(file));
        var document = await File.ReadAllTextAsync(PathOf($"../../../docs/{page}"));

        var parts = source.Split("// <page>\n")[1..].Select(part => part.Split("        // </page>")[0].TrimEnd());
        var example = string.Join(
            "\n\n", parts.Select(part => string.Join('\n', part.Split('\n').Select(line => line.Length > 8 ? line[8..] : line))));

        Assert.Contains("```csharp\n" + example + "\n```", document, StringComparison.Ordinal);
    }

    private static string PathOf(string file, [CallerFilePath] string here = "") => Path.Combine(Path.GetDirectoryName(here)!, file);
}
