using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using WriteBehind.Caching;
using WriteBehind.Queues;
using WriteBehind.RateLimits;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Configuration;

/// <summary>Settings come from the application's configuration by their names, and a name that nobody knows is an error.</summary>
public sealed class ConfigurationBindingTests
{
    [Fact]
    public void Settings_of_the_engine_and_of_what_has_a_name_are_taken_from_configuration_after_those_in_code()
    {
        using var services = Build(
            ("WriteBehind:DrainTimeout", "00:00:07"),
            ("WriteBehind:Types:stock:FlushDelay", "00:00:03"),
            ("WriteBehind:Types:stock:AfterFlush", "Keep"),
            ("WriteBehind:Caches:prices:Ttl", "00:01:00"),
            ("WriteBehind:Limits:calls:Permits", "7"),
            ("WriteBehind:Queues:mails:Lease", "00:02:00"));

        var options = services.GetRequiredService<WriteBehindOptions>();

        Assert.Equal(TimeSpan.FromSeconds(7), options.DrainTimeout);
        Assert.Equal("code", options.KeyPrefix);
        var stock = services.GetRequiredService<EntityTypeOptions>();
        Assert.Equal((TimeSpan.FromSeconds(3), AfterFlush.Keep, 4), (stock.FlushDelay, stock.AfterFlush, stock.Shards));
        Assert.Equal(TimeSpan.FromMinutes(1), services.GetRequiredService<CacheOptions>().Ttl);
        Assert.Equal(7, services.GetRequiredService<LimitOptions>().Permits);
        Assert.Equal(TimeSpan.FromMinutes(2), services.GetRequiredService<QueueOptions>().Lease);
    }

    [Theory]
    [InlineData("WriteBehind:DrainTimeot", "00:00:07", "DrainTimeout")]
    [InlineData("WriteBehind:Type:stock:FlushDelay", "00:00:03", "Types")]
    [InlineData("WriteBehind:Types:stok:FlushDelay", "00:00:03", "stock")]
    [InlineData("WriteBehind:Types:stock:FlushDelai", "00:00:03", "FlushDelay")]
    [InlineData("WriteBehind:Caches:price:Ttl", "00:00:03", "prices")]
    [InlineData("WriteBehind:Limits:calls:Permit", "3", "Permits")]
    [InlineData("WriteBehind:Queues:mail:Lease", "00:00:03", "mails")]
    public void A_name_that_nobody_knows_is_an_error_that_names_those_there_are(string path, string value, string known)
    {
        using var services = Build((path, value));

        var error = Assert.Throws<ConfigurationException>(() => services.GetRequiredService<WriteBehindOptions>());

        Assert.StartsWith(error.Setting, path, StringComparison.Ordinal);
        Assert.Contains($"'{error.Setting}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(known, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("WriteBehind:Types:stock:FlushDelay", "soon")]
    [InlineData("WriteBehind:Types:stock:Shards", "four")]
    [InlineData("WriteBehind:DrainTimeout", "never")]
    public void A_value_that_can_not_be_read_is_an_error_that_names_its_path(string path, string value)
    {
        using var services = Build((path, value));

        var error = Assert.Throws<ConfigurationException>(() => services.GetRequiredService<WriteBehindOptions>());

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(value, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_name_fails_the_start()
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(() => TestEngine.StartAsync(new()
        {
            More = builder =>
            {
                builder.Services.AddSingleton<IConfiguration>(Configuration(("Shop:Types:itm:Shards", "2")));
                builder.BindConfiguration("Shop");
            },
        }));

        Assert.Equal("Shop:Types:itm", error.Setting);
    }

    [Fact]
    public async Task A_value_out_of_its_range_is_told_as_that_of_code_would_be()
    {
        var error = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => TestEngine.StartAsync(new()
        {
            More = builder =>
            {
                builder.Services.AddSingleton<IConfiguration>(Configuration(("WriteBehind:Types:item:Shards", "0")));
                builder.BindConfiguration();
            },
        }));

        Assert.Contains("Shards", error.Message, StringComparison.Ordinal);
    }

    private static IConfigurationRoot Configuration(params (string Path, string Value)[] values) => new ConfigurationBuilder()
        .AddInMemoryCollection(values.Select(static pair => KeyValuePair.Create(pair.Path, (string?)pair.Value)))
        .Build();

    private static ServiceProvider Build(params (string Path, string Value)[] values)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(Configuration(values));
        services.AddWriteBehind(static options => (options.KeyPrefix, options.DrainTimeout) = ("code", TimeSpan.FromSeconds(1)))
            .BindConfiguration()
            .UseRedis("localhost")
            .AddEntity<Item>("stock", static stock => (stock.FlushDelay, stock.Shards) = (TimeSpan.FromSeconds(1), 4))
            .AddCache("prices")
            .AddRateLimit("calls")
            .AddQueue("mails");
        services.AddSingleton(static provider => provider.GetRequiredService<ICacheRegistration>().Options);
        return services.BuildServiceProvider();
    }
}
