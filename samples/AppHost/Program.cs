using AppHost;
using Microsoft.Extensions.Configuration;

// Redis, PostgreSQL and three silos under Aspire's dashboard: the servers in containers, or with --programs as they are installed here.
const string Cluster = "apphost";

var builder = DistributedApplication.CreateBuilder(args);
var (redis, postgres) = args.Contains("--programs") ? ServerPrograms.Add(builder) : ServerContainers.Add(builder);

// The silos set their cluster up themselves, from WRITEBEHIND_… below; Aspire wants to be told of its clustering all the same. What they
// leave to the configuration is where the operators' journal is stored: behind, like the entities, and not in Orleans' own Redis storage.
var orleans = builder.AddOrleans("cluster")
    .WithClusterId(Cluster)
    .WithServiceId(Cluster)
    .WithClustering(new NamedProvider("Redis", redis.Resource))
    .WithGrainStorage("bookkeeping", new NamedProvider("WriteBehind"));

for (var number = 1; number <= builder.Configuration.GetValue("Silos", 3); number++)
{
    // Three resources and no replicas of one: each has a live page of its own, and may be stopped and started from the dashboard.
    var silo = builder.AddProject<Projects.Silo>($"silo-{number}", project => project.ExcludeLaunchProfile = true)
        .WithReference(orleans)
        .WithHttpEndpoint()
        .WithUrlForEndpoint("http", url => (url.Url, url.DisplayText) = ("/writebehind", "Live page"))
        .WithHttpHealthCheck("/health/ready")
        .WithEnvironment("WRITEBEHIND_REDIS", redis)
        .WithEnvironment("WRITEBEHIND_POSTGRES", postgres)
        .WithEnvironment("WRITEBEHIND_CLUSTER_ID", Cluster)
        .WithEnvironment("WRITEBEHIND_SERVICE_ID", Cluster)
        .WithEnvironment("WRITEBEHIND_ADDRESS", "127.0.0.1")
        .WaitFor(redis)
        .WaitFor(postgres);
    silo.WithEnvironment("WRITEBEHIND_SILO_PORT", silo.GetEndpoint("orleans-silo").Property(EndpointProperty.TargetPort))
        .WithEnvironment("WRITEBEHIND_GATEWAY_PORT", silo.GetEndpoint("orleans-gateway").Property(EndpointProperty.TargetPort));
}

builder.Build().Run();
