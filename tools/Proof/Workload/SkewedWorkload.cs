namespace Proof.Workload;

/// <summary>
/// Movements as a shop sees them: product k is moved in proportion to 1 / k (Zipf), by -4 to +8 pieces. Every movement follows from the
/// seed and its number alone, so nothing is stored and a run can be made again.
/// </summary>
public sealed class SkewedWorkload : IWorkload
{
    private const int LeastAmount = -4;
    private const int MostAmount = 8;

    private readonly double[] _shares;
    private readonly ulong _seed;

    public SkewedWorkload(long count, int products, long seed)
    {
        Count = count;
        Ids = [.. Enumerable.Range(1, products).Select(number => $"product-{number:D4}")];
        _seed = (ulong)seed * 0x9E3779B97F4A7C15;
        _shares = new double[products];
        var sum = 0.0;
        for (var i = 0; i < products; i++)
        {
            _shares[i] = sum += 1.0 / (i + 1);
        }

        for (var i = 0; i < products; i++)
        {
            _shares[i] /= sum;
        }
    }

    public long Count { get; }

    public IReadOnlyList<string> Ids { get; }

    public StockChange this[long index]
    {
        get
        {
            var random = Mix(_seed + (ulong)index);
            var share = (random >> 11) * (1.0 / (1UL << 53));
            var found = Array.BinarySearch(_shares, share);
            var product = Math.Min(found < 0 ? ~found : found + 1, _shares.Length - 1);

            // Other bits than the product's: both are of one draw, and must not hang together.
            var amount = LeastAmount + (long)(Mix(random) % (MostAmount - LeastAmount));
            return new(product, amount < 0 ? amount : amount + 1);
        }
    }

    // SplitMix64: a number's neighbours give unrelated results.
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
