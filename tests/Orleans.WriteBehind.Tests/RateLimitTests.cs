using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind.RateLimits;

namespace Orleans.WriteBehind.Tests;

public sealed class RateLimitTests
{
    [Fact]
    public async Task A_call_over_its_limit_is_refused_with_a_typed_error_before_the_grain_sees_it()
    {
        await using var cluster = await StartAsync();
        var grain = cluster.Grain<ILimitedGrain>("a");
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => grain.CountAsync()));

        var error = await Assert.ThrowsAsync<RateLimitedException>(() => grain.CountAsync());

        Assert.Equal("api", error.Limit);
        Assert.StartsWith("grain:", error.CallerKey, StringComparison.Ordinal);
        Assert.EndsWith("/a", error.CallerKey, StringComparison.Ordinal);
        Assert.InRange(error.RetryAfter ?? default, TimeSpan.FromMinutes(9), TimeSpan.FromMinutes(10));
        Assert.Equal(3, await grain.BegunAsync());
        Assert.Equal(1, await cluster.Grain<ILimitedGrain>("b").CountAsync());
    }

    [Fact]
    public async Task A_caller_has_one_window_over_all_grains_and_silos()
    {
        await using var cluster = await StartAsync(silos: 2);
        var refused = 0;
        RequestContext.Set("user", "ann");
        for (var i = 0; i < 10; i++)
        {
            try
            {
                await cluster.Grain<ILimitedGrain>($"{i}").CountForUserAsync();
            }
            catch (RateLimitedException e) when (e.CallerKey == "user=ann")
            {
                refused++;
            }
        }

        Assert.Equal(7, refused);
        RequestContext.Set("user", "bob");
        Assert.Equal(1, await cluster.Grain<ILimitedGrain>("for bob").CountForUserAsync());
    }

    [Fact]
    public async Task The_attribute_is_found_on_the_method_of_the_class_and_on_an_inherited_interface()
    {
        await using var cluster = await StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => cluster.Grain<ILimitedGrain>("a").CountOnClassAsync()));
        await Assert.ThrowsAsync<RateLimitedException>(() => cluster.Grain<ILimitedGrain>("a").CountOnClassAsync());
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => cluster.Grain<IBusyGrain>("a").CountAsync()));
        await Assert.ThrowsAsync<RateLimitedException>(() => cluster.Grain<IBusyGrain>("a").CountAsync());
    }

    [Fact]
    public async Task What_the_runtime_calls_is_never_limited()
    {
        await using var cluster = await StartAsync();
        var grain = cluster.Grain<IBusyGrain>("a");
        for (var i = 0; i < 5; i++)
        {
            await grain.ReceiveReminder("any", default);
            await grain.Cast<IGrainManagementExtension>().DeactivateOnIdle();
        }

        Assert.Equal(1, await grain.CountAsync());
    }

    [Fact]
    public async Task A_caller_cannot_use_up_the_window_of_a_grain_by_its_name()
    {
        await using var cluster = await StartAsync();
        RequestContext.Set("user", cluster.Grain<ILimitedGrain>("a").GetGrainId().ToString());
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => cluster.Grain<ILimitedGrain>($"{i}").CountForUserAsync()));
        Assert.Equal(1, await cluster.Grain<ILimitedGrain>("a").CountAsync());
    }

    [Fact]
    public async Task A_selector_can_limit_any_call()
    {
        await using var cluster = await StartAsync(
            select: call => call.InterfaceMethod.Name == nameof(ILimitedGrain.BegunAsync) ? new GrainLimit("api", "everybody") : null);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(i => cluster.Grain<ILimitedGrain>($"{i}").BegunAsync()));
        await Assert.ThrowsAsync<RateLimitedException>(() => cluster.Grain<ILimitedGrain>("another").BegunAsync());
        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(i, await cluster.Grain<ILimitedGrain>("free").CountAsync());
        }
    }

    private static Task<GrainCluster> StartAsync(short silos = 1, Func<IIncomingGrainCallContext, GrainLimit?>? select = null)
        => GrainCluster.StartAsync(new()
        {
            Silos = silos,
            Silo = silo =>
            {
                silo.AddWriteBehind(engine => engine.AddRateLimit("api", limit
                    => (limit.Permits, limit.Window, limit.Timeout) = (3, TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(30))));
                silo.AddGrainRateLimits(select);
            },
        });
}
