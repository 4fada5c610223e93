using WriteBehind.Buffer;

namespace WriteBehind.DeadLetters;

/// <summary>The dead letters of all types.</summary>
internal sealed class DeadLetterDesk(Func<string, ITypeEngine> types) : IDeadLetters
{
    private const int Page = 1_000;

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
        while (true)
        {
            var letters = await engine.Letters.ListAsync(Page, cancellationToken).ConfigureAwait(false);
            var before = retried;
            foreach (var letter in letters)
            {
                retried += await engine.RetryAsync(letter.Id, cancellationToken).ConfigureAwait(false) ? 1 : 0;
            }

            if (letters.Count < Page || retried == before)
            {
                return retried;
            }
        }
    }

    public Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default)
        => Find(type, id).Letters.DiscardAsync(id, cancellationToken);

    private ITypeEngine Find(string type, string id)
    {
        var engine = types(type);
        EntityIds.Check(type, id);
        return engine;
    }
}
