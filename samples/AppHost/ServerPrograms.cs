using Microsoft.Extensions.DependencyInjection;

namespace AppHost;

/// <summary>
/// Redis and PostgreSQL as they are installed on this machine, for one run alone: where there is no container runtime, or to be spared one.
/// </summary>
internal static class ServerPrograms
{
    private const string User = "writebehind";

    public static Servers Add(IDistributedApplicationBuilder builder)
    {
        var redis = Add(builder, "redis", (at, _) => ReferenceExpression.Create($"{at.Property(EndpointProperty.HostAndPort)}"));
        var postgres = Add(builder, "postgres", static (at, password) =>
        {
            var (host, port) = (at.Property(EndpointProperty.Host), at.Property(EndpointProperty.Port));
            return ReferenceExpression.Create($"Host={host};Port={port};Database={User};Username={User};Password={password}");
        });

        var checks = builder.Services.AddHealthChecks();
        checks.AddRedis(_ => redis.Resource.ConnectionString, name: "redis-answers");
        checks.AddNpgSql(_ => postgres.Resource.ConnectionString, name: "postgres-answers");
        return new(redis.WithHealthCheck("redis-answers"), postgres.WithHealthCheck("postgres-answers"));
    }

    private static IResourceBuilder<ServerProgram> Add(
        IDistributedApplicationBuilder builder,
        string name,
        Func<EndpointReference, ParameterResource, ReferenceExpression> connect)
    {
        var password = ParameterResourceBuilderExtensions.CreateDefaultPasswordParameter(builder, $"{name}-password", special: false);
        var server = new ServerProgram(name, builder.AppHostDirectory, at => connect(at, password));
        builder.Eventing.Subscribe<ConnectionStringAvailableEvent>(
            server,
            async (_, cancellationToken) => server.ConnectionString =
                await server.ConnectionStringExpression.GetValueAsync(cancellationToken)
                ?? throw new InvalidOperationException($"Where {name} is to be found is not known."));
        return builder.AddResource(server)
            .WithArgs("server.sh", name)
            .WithEndpoint(name: ServerProgram.Endpoint, scheme: "tcp", env: "PRIVATE_PORT")
            .WithEnvironment("PRIVATE_PASSWORD", password)
            .ExcludeFromManifest();
    }
}

/// <summary>A server that a script starts.</summary>
internal sealed class ServerProgram : ExecutableResource, IResourceWithConnectionString
{
    public const string Endpoint = "tcp";

    public ServerProgram(string name, string folder, Func<EndpointReference, ReferenceExpression> connect)
        : base(name, "bash", folder)
    {
        ConnectionStringExpression = connect(new EndpointReference(this, Endpoint));
    }

    public ReferenceExpression ConnectionStringExpression { get; }

    /// <summary>What the expression comes to, once ports are known.</summary>
    public string ConnectionString { get; set; } = "";
}
