namespace Proof.Load;

/// <summary>What one product was told about its writes.</summary>
public sealed class ProductLedger
{
    private readonly Lock _lock = new();
    private readonly List<long> _unknown = [];

    /// <summary>How many movements were acknowledged.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>The sum of their amounts. Wider than an amount: with unknown ones in play, no order of them may overflow here.</summary>
    public Int128 Sum { get; private set; }

    /// <summary>The amounts of the movements whose answer never came.</summary>
    public IReadOnlyList<long> Unknown => _unknown;

    public void Acknowledge(long amount)
    {
        lock (_lock)
        {
            Acknowledged++;
            Sum += amount;
        }
    }

    public void AddUnknown(long amount)
    {
        lock (_lock)
        {
            _unknown.Add(amount);
        }
    }
}
