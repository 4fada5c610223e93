using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using WriteBehind.Caching;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Caching;

/// <summary>The examples of docs/caching.md.</summary>
internal static class CachingPage
{
    public static async Task RunAsync(string redis, string postgres)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddDbContextFactory<ItemContext>(db => db.UseNpgsql(postgres));

        // <register>
        builder.Services.AddWriteBehind().UseRedis(redis).UseEntityFramework<ItemContext>()
            .AddCache("pages", cache => cache.Ttl = TimeSpan.FromSeconds(30))
            .AddReadThroughCache<Reading>("readings", cache => cache.TagsOf = reading => [reading.Count > 9 ? "many" : "few"])
            .AddPostgresInvalidation<ItemContext>("readings");
        // </register>

        using var host = builder.Build();
        await host.StartAsync();

        // <use>
        var pages = host.Services.GetRequiredKeyedService<ICache>("pages");
        var page = await pages.GetOrLoadAsync("home", RenderAsync, tags: ["front"]);     // loads once, in however many processes
        await pages.RemoveTagAsync("front");                                             // obsolete everywhere, in one step

        var readings = host.Services.GetRequiredService<IReadThroughCache<Reading>>();
        var version = await readings.SetAsync("42", new Reading { Count = 7 });          // PostgreSQL has it, then the cache
        var reading = await readings.GetAsync("42");                                     // no database
        await readings.SetAsync("42", new Reading { Count = 8 }, expectedVersion: version);
        var many = await readings.GetManyAsync(["41", "42", "43"]);                      // one round trip, one query for what is missing
        // </use>

        Assert.Equal("made", page?.Text);
        Assert.Equal(7, reading?.State.Count);
        Assert.Equal(8, Assert.Single(many).Value.State.Count);
        await host.StopAsync();
    }

    private static Task<RenderedPage?> RenderAsync(CancellationToken cancellationToken)
        => Task.FromResult<RenderedPage?>(new RenderedPage("made"));

    private sealed record RenderedPage(string Text);
}
