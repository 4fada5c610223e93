using System.Globalization;
using WriteBehind.Redis;

namespace WriteBehind.Buffer;

/// <summary>
/// The type's entry in Redis: layout and shard count, which every process must agree on, and the epoch, which tells whether Redis is
/// the one that was there before. It is made up at first use; missing or different later, Redis came back empty.
/// </summary>
internal sealed class TypeRecord(RedisConnections redis, EntityBuffer buffer, EntityTypeOptions options)
{
    private string? _epoch;

    /// <summary>Records the type, or checks what is recorded.</summary>
    /// <returns>False where Redis came back empty since the last call.</returns>
    /// <exception cref="ConfigurationException">Redis holds the type with another layout or shard count.</exception>
    /// <exception cref="BufferUnavailableException">Redis is away.</exception>
    public async Task<bool> CheckAsync(CancellationToken cancellationToken)
    {
        var reply = await MetaScript.Script.RunAsync(
            redis,
            [buffer.Keys.Meta],
            [KeyLayout.Version, options.Shards, Guid.NewGuid().ToString("n", CultureInfo.InvariantCulture)],
            cancellationToken).ConfigureAwait(false);
        var (layout, shards, epoch) = (reply.NextInt(), reply.NextInt(), reply.NextText());
        if (layout != KeyLayout.Version)
        {
            throw new ConfigurationException(
                "layout",
                $"Redis holds '{options.Type}' in layout {layout}, this release knows {KeyLayout.Version}. Run the release that wrote it " +
                "until all is flushed, then this one.",
                options.Type);
        }

        if (shards != options.Shards)
        {
            throw new ConfigurationException(
                nameof(EntityTypeOptions.Shards),
                $"Redis holds '{options.Type}' in {shards} shards, but Shards is {options.Shards}: entities would be looked for in the " +
                $"wrong place. Set Shards to {shards}; or flush everything, stop all processes, delete {(string)buffer.Keys.Meta!} and " +
                "the fences of the type, and start anew.",
                options.Type);
        }

        var same = (_epoch is null || _epoch == epoch) & !buffer.TakeEmptied();
        _epoch = epoch;
        return same;
    }
}
