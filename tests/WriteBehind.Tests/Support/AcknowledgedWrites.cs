using System.Globalization;

namespace WriteBehind.Tests.Support;

/// <summary>
/// What callers were told about their writes, to compare the database with. Each entity has one writer, whose quantities only grow;
/// a write whose outcome stayed unknown may count as done or as not done, and nothing else may differ.
/// </summary>
public sealed class AcknowledgedWrites
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _acknowledged = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<long>> _doubtful = new(StringComparer.Ordinal);
    private long _count;

    /// <summary>How many writes were acknowledged.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>How many entities have an acknowledged write.</summary>
    public int Entities
    {
        get
        {
            lock (_lock)
            {
                return _acknowledged.Count;
            }
        }
    }

    /// <summary>A write was acknowledged; whatever was doubtful before it is decided.</summary>
    public void Acknowledge(string id, long quantity)
    {
        lock (_lock)
        {
            _acknowledged[id] = quantity;
            _doubtful.Remove(id);
            _count++;
        }
    }

    /// <summary>The outcome of a write stayed unknown.</summary>
    public void Doubt(string id, long quantity)
    {
        lock (_lock)
        {
            if (!_doubtful.TryGetValue(id, out var quantities))
            {
                _doubtful[id] = quantities = [];
            }

            quantities.Add(quantity);
        }
    }

    /// <summary>
    /// Takes the acknowledgements from the output of a child process: lines <c>ack id quantity</c>, and <c>try id quantity</c> before.
    /// </summary>
    public void Read(IEnumerable<string> lines)
    {
        var tried = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var line in lines)
        {
            if (line.Split(' ') is not [var what and ("try" or "ack"), var id, var quantity])
            {
                continue;
            }

            var value = long.Parse(quantity, CultureInfo.InvariantCulture);
            if (what == "try")
            {
                tried[id] = value;
            }
            else
            {
                tried.Remove(id);
                Acknowledge(id, value);
            }
        }

        foreach (var (id, quantity) in tried)
        {
            Doubt(id, quantity);
        }
    }

    /// <summary>Compares every entity with the rows.</summary>
    public void AssertEqual(IReadOnlyDictionary<string, ItemRow> rows)
    {
        lock (_lock)
        {
            foreach (var (id, expected) in _acknowledged)
            {
                Assert.True(rows.TryGetValue(id, out var row), $"{id} was acknowledged and has no row.");
                var doubtful = _doubtful.GetValueOrDefault(id);
                Assert.True(
                    row.Quantity == expected || doubtful?.Contains(row.Quantity) == true,
                    $"{id} was acknowledged with {expected} and has {row.Quantity}; in doubt were: {string.Join(", ", doubtful ?? [])}.");
            }

            Assert.All(rows.Keys, id => Assert.True(
                _acknowledged.ContainsKey(id) || _doubtful.ContainsKey(id), $"{id} has a row and was never written."));
        }
    }
}
