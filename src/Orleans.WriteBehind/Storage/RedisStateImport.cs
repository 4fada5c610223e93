using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Storage;
using StackExchange.Redis;
using WriteBehind;

namespace Orleans.WriteBehind.Storage;

/// <summary>
/// Takes entries over from the layout of Microsoft.Orleans.Persistence.Redis: a hash with the fields <c>etag</c> and <c>data</c>.
/// </summary>
/// <remarks>
/// An entry is closed once it is known that its state can be kept here as it is, and before that is saved. Its etag becomes one that no
/// activation of the old provider has, and the third field makes the old provider read "nothing there": neither an old activation nor a new
/// one can write it any more, so nothing is acknowledged there after it was taken. The data stays. To go back, put the field <c>moved</c>
/// into <c>etag</c> and remove <c>moved</c> and <c>taken</c>.
/// </remarks>
internal sealed class RedisStateImport(RedisStateSource source, IServiceProvider services)
{
    // KEYS: the entry. Returns its data and its etag; nil where there is none, or where it was taken already.
    private const string ReadScript = """
        local entry = redis.call('HMGET', KEYS[1], 'data', 'etag', 'moved', 'taken')
        if not entry[1] or entry[1] == '' or entry[4] then return false end
        return { entry[1], entry[2] or '' }
        """;

    // KEYS: the entry. ARGV: the etag it was read with. Returns 0 where it was written since.
    private const string CloseScript = """
        local entry = redis.call('HMGET', KEYS[1], 'etag', 'moved', 'taken')
        if (entry[1] or '') ~= ARGV[1] or entry[3] then return 0 end
        if not entry[2] then redis.call('HSET', KEYS[1], 'moved', ARGV[1], 'etag', 'moved to write-behind') end
        return 1
        """;

    // KEYS: the entry. A grain that was never there gets none.
    private const string TakenScript = """
        if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'taken', '1') end
        return 1
        """;

    private readonly IGrainStorageSerializer _serializer = source.Serializer ?? services.GetRequiredService<IGrainStorageSerializer>();
    private readonly string _serviceId = services.GetRequiredService<IOptions<ClusterOptions>>().Value.ServiceId;
    private readonly Lock _lock = new();
    private Task<IConnectionMultiplexer>? _connection;

    /// <summary>Reads the entry; null where there is nothing to take.</summary>
    /// <exception cref="BufferUnavailableException">Its Redis is away.</exception>
    public async Task<ImportedState<T>?> ReadAsync<T>(string stateName, GrainId grainId)
    {
        var entry = await RunAsync(database => database.ScriptEvaluateAsync(ReadScript, [KeyOf(stateName, grainId)])).ConfigureAwait(false);
        return entry.IsNull ? null
            : new ImportedState<T>(_serializer.Deserialize<T>(BinaryData.FromBytes((byte[])entry[0]!)), (string)entry[1]!);
    }

    /// <summary>Closes the entry; false where it was written since it was read, and must be read again.</summary>
    public async Task<bool> TryCloseAsync(string stateName, GrainId grainId, string etag)
        => (int)await RunAsync(database => database.ScriptEvaluateAsync(CloseScript, [KeyOf(stateName, grainId)], [etag]))
            .ConfigureAwait(false) == 1;

    /// <summary>Notes that the state is safe in its new place: the entry is never looked at again.</summary>
    public Task MarkImportedAsync(string stateName, GrainId grainId)
        => RunAsync(database => database.ScriptEvaluateAsync(TakenScript, [KeyOf(stateName, grainId)]));

    private RedisKey KeyOf(string stateName, GrainId grainId)
        => source.GetStorageKey is { } own
            ? own(stateName, grainId)
            : (RedisKey)Encoding.UTF8.GetBytes($"{_serviceId}/state/{grainId.Type}/{grainId.Key}/{stateName}");

    private async Task<T> RunAsync<T>(Func<IDatabase, Task<T>> command)
    {
        try
        {
            var connection = source.Connect is { } connect
                ? await ConnectOnceAsync(connect).ConfigureAwait(false)
                : await services.GetRequiredService<IRedisConnection>().GetAsync().ConfigureAwait(false);
            return await command(connection.GetDatabase()).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new BufferUnavailableException("The Redis that states are taken over from does not answer.", cause: e);
        }
    }

    private Task<IConnectionMultiplexer> ConnectOnceAsync(Func<IServiceProvider, Task<IConnectionMultiplexer>> connect)
    {
        lock (_lock)
        {
            return _connection is null or { IsFaulted: true } or { IsCanceled: true } ? _connection = connect(services) : _connection;
        }
    }
}

/// <summary>A state as the old provider has it.</summary>
/// <param name="State">The state.</param>
/// <param name="ETag">The tag it was read with.</param>
internal sealed record ImportedState<T>(T? State, string ETag);
