namespace AppHost;

/// <summary>Redis and PostgreSQL in containers.</summary>
internal static class ServerContainers
{
    public static Servers Add(IDistributedApplicationBuilder builder)
    {
        // A write is acknowledged by Redis, so what it has taken must be on its disk, and it must not make room by forgetting. Aspire's own
        // WithPersistence writes snapshots, which lack the last minute. The command is one text for a shell.
        var redis = builder.AddRedis("redis")
            .WithDataVolume(isReadOnly: false)
            .WithArgs(context => context.Args[^1] = $"{context.Args[^1]} --appendonly yes --maxmemory-policy noeviction");
        return new(redis, builder.AddPostgres("postgres").WithDataVolume().AddDatabase("writebehind"));
    }
}

/// <summary>What the silos need.</summary>
internal sealed record Servers(
    IResourceBuilder<IResourceWithConnectionString> Redis, IResourceBuilder<IResourceWithConnectionString> Postgres);
