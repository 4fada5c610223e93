using Client.Cluster;
using Client.Load;
using Silo.Contracts.Operations;
using Silo.Testing;
using StackExchange.Redis;
using WriteBehind.TestTools;
using WriteBehind.TestTools.Processes;

namespace Cluster.Tests.Support;

/// <summary>
/// Three silos with their own Redis and PostgreSQL, and a client of them. All tests use the same ones: starting them takes longest.
/// </summary>
[CollectionDefinition(Collection)]
public sealed class RunningCluster : IAsyncLifetime, ICollectionFixture<RunningCluster>
{
    public const string Collection = "cluster";

    private const int Silos = 3;
    private const string Id = "writebehind";

    /// <summary>How long a caller of the load waits for its answer. A silo that was killed or is frozen gives none.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(4);

    /// <summary>The same for those who judge in the end. Generous: only failing tests ever use it up.</summary>
    private static readonly TimeSpan JudgeTimeout = TimeSpan.FromSeconds(30);

    private static readonly Dictionary<string, string?> Settings = ShortTerms.With(new Dictionary<string, string?>
    {
        ["WriteBehind__Types__stock__FlushDelay"] = "00:00:00.300",
        ["WriteBehind__Types__stock__Lease"] = "00:00:03",
        ["WriteBehind__Types__views__FlushDelay"] = "00:00:00.300",
        ["WriteBehind__Types__views__Lease"] = "00:00:03",
        ["Logging__Console__FormatterName"] = "simple",
        ["Logging__Console__FormatterOptions__TimestampFormat"] = "HH:mm:ss.fff ",
        ["Logging__Console__FormatterOptions__SingleLine"] = "true",
    });

    private readonly List<Member> _members = [];
    private ClusterConnection? _load;
    private ClusterConnection? _judge;
    private ConnectionMultiplexer? _redis;

    public ServiceServers Servers { get; } = new()
    {
        HasOwnPostgres = true,
        // It is killed, and every acknowledged write counts.
        RedisOptions = new() { AppendFsync = "always", Timeout = TimeSpan.FromSeconds(2) },
    };

    internal IReadOnlyList<Member> Members => _members;

    /// <summary>For the load: answers are waited for shortly.</summary>
    internal IGrainFactory LoadedGrains => (_load ?? throw NotUp()).Grains;

    internal IGrainFactory Grains => (_judge ?? throw NotUp()).Grains;

    internal IOperatorGrain Operator => (_judge ?? throw NotUp()).Operator;

    internal ConfigurationOptions RedisOptions => ClusterSettings.ParseRedis(Servers.Redis.Configuration);

    internal string Postgres => Servers.Environment["WRITEBEHIND_POSTGRES"]!;

    public async Task InitializeAsync()
    {
        await Servers.InitializeAsync();
        var ports = LoopbackPorts.Find(2 * Silos);
        for (var i = 0; i < Silos; i++)
        {
            _members.Add(new Member($"silo {i + 1}", Servers, Settings, ports[2 * i], ports[(2 * i) + 1]));
        }

        // The first one alone: silos that start together in an empty cluster may each take a while to agree on who is there.
        await _members[0].StartAsync();
        await Task.WhenAll(_members.Skip(1).Select(member => member.StartAsync()));
        _load = await ConnectAsync(CallTimeout);
        _judge = await ConnectAsync(JudgeTimeout);
        _redis = await ConnectionMultiplexer.ConnectAsync(RedisOptions);
        await VersionAudit.InstallAsync(Postgres);
    }

    /// <summary>Waits until the others have declared a silo dead, which a frozen one can't be told.</summary>
    internal Task WaitUntilDeadAsync(Member member) => Eventually.TrueAsync(
        async () => (await _redis!.GetDatabase().HashGetAllAsync($"{Id}/members/{Id}"))
            .Where(entry => member.Owns(entry.Name.ToString()))
            .Select(entry => MembershipEntry.IsDead(entry.Value.ToString()))
            .ToList() is { Count: > 0 } lives && lives.All(isDead => isDead),
        TimeSpan.FromSeconds(60),
        $"{member.Name} is declared dead");

    /// <summary>Starts again what a test that failed left dead, and forgets what was logged.</summary>
    internal async Task RestoreAsync()
    {
        foreach (var member in _members)
        {
            if (!member.IsUp)
            {
                await member.StartAsync();
            }

            member.TakeErrors();
        }
    }

    /// <summary>
    /// Connects however long it takes: the first connection of a process compiles much of Orleans, and a machine may stand still.
    /// </summary>
    private async Task<ClusterConnection> ConnectAsync(TimeSpan callTimeout)
    {
        ClusterConnection? connection = null;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    connection = await ClusterConnection.OpenAsync(
                        new(RedisOptions, Id, Id, ClusterSettings.ReadKeyPrefix(), callTimeout), CancellationToken.None);
                    return true;
                }
                catch (NoSiloException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(120),
            "a silo answers");
        return connection!;
    }

    public async Task DisposeAsync()
    {
        if (_load is not null)
        {
            await _load.DisposeAsync();
        }

        if (_judge is not null)
        {
            await _judge.DisposeAsync();
        }

        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }

        await Task.WhenAll(_members.Select(member => member.DisposeAsync().AsTask()));
        await Servers.DisposeAsync();
    }

    private static InvalidOperationException NotUp() => new("The cluster is not up yet.");
}
