using System.Text;

namespace WriteBehind.AspNetCore.Tests.Web;

/// <summary>Dead letters in memory, of the type <c>stock</c> alone.</summary>
internal sealed class FakeDeadLetters : IDeadLetters
{
    private readonly Dictionary<string, DeadLetterDetail> _letters = [];

    public IReadOnlyCollection<string> Ids => _letters.Keys;

    public List<string> Retried { get; } = [];

    /// <summary>How often they were listed: each time all letters of a type are read from Redis.</summary>
    public int Lists { get; private set; }

    public void Add(
        string id,
        string payload = """{"quantity":5}""",
        bool isDelete = false,
        string error = "value too long",
        string? code = "22001",
        DeadLetterReason reason = DeadLetterReason.Rejected)
    {
        var letter = new DeadLetter(
            "stock", id, 7, reason, error, code, 5, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddSeconds(4), 0);
        _letters[id] = new(letter, isDelete, isDelete ? null : Encoding.UTF8.GetBytes(payload));
    }

    public Task<IReadOnlyList<DeadLetter>> ListAsync(string type, int limit = 100, CancellationToken cancellationToken = default)
    {
        Check(type);
        Lists++;
        return Task.FromResult<IReadOnlyList<DeadLetter>>([.. _letters.Values.Select(detail => detail.Letter).Take(limit)]);
    }

    public Task<DeadLetterDetail?> ShowAsync(string type, string id, CancellationToken cancellationToken = default)
    {
        Check(type);
        return Task.FromResult(_letters.GetValueOrDefault(id));
    }

    public Task<bool> RetryAsync(string type, string id, CancellationToken cancellationToken = default)
    {
        Check(type);
        if (!_letters.Remove(id))
        {
            return Task.FromResult(false);
        }

        Retried.Add(id);
        return Task.FromResult(true);
    }

    public async Task<long> RetryAllAsync(string type, CancellationToken cancellationToken = default)
    {
        Check(type);
        var ids = _letters.Keys.ToList();
        foreach (var id in ids)
        {
            await RetryAsync(type, id, cancellationToken);
        }

        return ids.Count;
    }

    public Task<bool> DiscardAsync(string type, string id, CancellationToken cancellationToken = default)
    {
        Check(type);
        return Task.FromResult(_letters.Remove(id));
    }

    /// <summary>What every call fails with.</summary>
    public WriteBehindException? Failure { get; set; }

    private void Check(string type)
    {
        if (Failure is not null)
        {
            throw Failure;
        }

        if (type != "stock")
        {
            throw new UnknownEntityTypeException(type, ["stock"]);
        }
    }
}
