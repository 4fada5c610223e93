using WriteBehind.Common;

namespace WriteBehind.Engine;

/// <summary>The dead letters of all types.</summary>
internal sealed class DeadLetterService(Func<string, ITypeEngine> types) : IDeadLetters
{
    public Task<IReadOnlyList<DeadLetter>> ListAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return types(type).Letters.ListAsync(limit, cancellationToken);
    }

    public Task<DeadLetterDetail?> ShowAsync(string type, string id, CancellationToken cancellationToken = default)
        => Find(type, id).Letters.ShowAsync(id, cancellationToken);

    public Task<bool> RetryAsync(string type, string id, CancellationToken cancellationToken = default)
        => Find(type, id).RetryAsync(id, cancellationToken);

    public async Task<long> RetryAllAsync(string type, CancellationToken cancellationToken = default)
    {
        var engine = types(type);
        var retried = 0L;

        // What a shard holds now, and each once: some may die again before the last is retried, and some can't be retried at all.
        for (var shard = 0; shard < engine.Options.Shards; shard++)
        {
            foreach (var id in await engine.Letters.IdsAsync(shard, cancellationToken).ConfigureAwait(false))
            {
                try
                {
                    retried += await engine.RetryAsync(id, cancellationToken).ConfigureAwait(false) ? 1 : 0;
                }
                catch (PayloadException)
                {
                    // A letter that this release can't read stays as it is, and keeps no other from its retry.
                }
            }
        }

        return retried;
    }

    public Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default)
        => Find(type, id).Letters.DiscardAsync(id, cancellationToken);

    private ITypeEngine Find(string type, string id)
    {
        var engine = types(type);
        Names.CheckId(type, id);
        return engine;
    }
}
