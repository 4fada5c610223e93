using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AppHost.Tests;

/// <summary>What the app host would start: its model, without starting it.</summary>
public sealed class ModelTests
{
    [Theory]
    [InlineData]
    [InlineData("--programs")]
    public async Task Three_silos_know_their_servers_and_their_cluster_and_have_ports_of_their_own(params string[] args)
    {
        await using var app = await BuildAsync(args);
        foreach (var silo in app.Silos())
        {
            var environment = await EnvironmentAsync(silo);
            Assert.Equal("{redis.connectionString}", environment["WRITEBEHIND_REDIS"]);
            Assert.Equal($"{{{(args.Length == 0 ? "writebehind" : "postgres")}.connectionString}}", environment["WRITEBEHIND_POSTGRES"]);
            Assert.Equal("apphost", environment["WRITEBEHIND_CLUSTER_ID"]);
            Assert.Equal("apphost", environment["WRITEBEHIND_SERVICE_ID"]);
            Assert.Equal("apphost", environment["Orleans__ClusterId"]);
            Assert.Equal("127.0.0.1", environment["WRITEBEHIND_ADDRESS"]);
            Assert.Equal($"{{{silo.Name}.bindings.orleans-silo.targetPort}}", environment["WRITEBEHIND_SILO_PORT"]);
            Assert.Equal($"{{{silo.Name}.bindings.orleans-gateway.targetPort}}", environment["WRITEBEHIND_GATEWAY_PORT"]);
            Assert.Equal(
                ["http", "orleans-gateway", "orleans-silo"],
                silo.Annotations.OfType<EndpointAnnotation>().Select(endpoint => endpoint.Name).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task The_silos_are_told_that_grain_storage_is_written_behind()
    {
        await using var app = await BuildAsync();
        foreach (var silo in app.Silos())
        {
            var storage = (await EnvironmentAsync(silo)).Where(
                pair => pair.Key.StartsWith("Orleans__GrainStorage", StringComparison.Ordinal));
            Assert.Equal([new("Orleans__GrainStorage__bookkeeping__ProviderType", "WriteBehind")], storage);
        }
    }

    [Theory]
    [InlineData]
    [InlineData("--programs")]
    public async Task A_silo_waits_until_both_servers_answer_and_is_well_once_it_takes_work(params string[] args)
    {
        await using var app = await BuildAsync(args);
        await using var services = app.Services.BuildServiceProvider();
        var checks = services.GetRequiredService<IOptions<HealthCheckServiceOptions>>().Value.Registrations
            .Select(check => check.Name).ToHashSet();
        foreach (var silo in app.Silos())
        {
            var waits = silo.Annotations.OfType<WaitAnnotation>().ToArray();
            Assert.All(waits, wait => Assert.Equal(WaitType.WaitUntilHealthy, wait.WaitType));
            Assert.Superset(
                new HashSet<string>(["redis", args.Length == 0 ? "writebehind" : "postgres"]),
                waits.Select(wait => wait.Resource.Name).ToHashSet());
            var check = Assert.Single(silo.Annotations.OfType<HealthCheckAnnotation>()).Key;
            Assert.Contains("/health/ready", check, StringComparison.Ordinal);
            Assert.Contains(check, checks);
            Assert.All(waits, wait => Assert.NotEmpty(wait.Resource.Annotations.OfType<HealthCheckAnnotation>()));
        }
    }

    [Fact]
    public async Task Redis_in_its_container_keeps_what_it_has_acknowledged_and_forgets_nothing()
    {
        await using var app = await BuildAsync();
        var redis = app.Resource("redis");
        var command = (await ConfigurationAsync(redis)).Arguments.Select(argument => argument.Value).ToArray();

        Assert.Equal("-c", command[0]);
        Assert.StartsWith("redis-server ", command[1], StringComparison.Ordinal);
        Assert.EndsWith(" --appendonly yes --maxmemory-policy noeviction", command[1], StringComparison.Ordinal);
        Assert.Equal(2, command.Length);
        Assert.Equal(["/data"], redis.Annotations.OfType<ContainerMountAnnotation>().Select(mount => mount.Target));
    }

    [Fact]
    public async Task With_programs_nothing_is_a_container()
    {
        await using var app = await BuildAsync("--programs");
        var programs = app.Resources.OfType<ExecutableResource>().Where(program => program.Command == "bash").ToArray();

        Assert.Empty(app.Resources.OfType<ContainerResource>());
        Assert.Equal(["postgres", "redis"], programs.Select(program => program.Name).Order(StringComparer.Ordinal));
        Assert.All(programs, program => Assert.True(File.Exists(Path.Combine(program.WorkingDirectory, "server.sh"))));
    }

    private static Task<IDistributedApplicationTestingBuilder> BuildAsync(params string[] args)
        => DistributedApplicationTestingBuilder.CreateAsync<Projects.AppHost>(args);

    private static async Task<Dictionary<string, string>> EnvironmentAsync(IResource resource)
        => (await ConfigurationAsync(resource)).EnvironmentVariables.ToDictionary(pair => pair.Key, pair => pair.Value);

    // As it would be written for a deployment: without ports and passwords, which only a start gives.
    private static async Task<IExecutionConfigurationResult> ConfigurationAsync(IResource resource)
        => await ExecutionConfigurationBuilder.Create(resource).WithArgumentsConfig().WithEnvironmentVariablesConfig()
            .BuildAsync(new(DistributedApplicationOperation.Publish), NullLogger.Instance, CancellationToken.None);
}

/// <summary>Finds resources.</summary>
internal static class Resources
{
    public static IResource Resource(this IDistributedApplicationTestingBuilder app, string name)
        => app.Resources.Single(resource => resource.Name == name);

    public static IReadOnlyList<IResource> Silos(this IDistributedApplicationTestingBuilder app)
        => [app.Resource("silo-1"), app.Resource("silo-2"), app.Resource("silo-3")];
}
