namespace Proof.Verification;

/// <summary>
/// Writes whose answer never came may each have been applied or not. So a difference between the row and what was acknowledged is right
/// exactly if some of them, <c>count</c> in number, add up to <c>sum</c>.
/// </summary>
public static class SubsetCheck
{
    /// <summary>
    /// How many (count, sum) pairs are kept before giving up. Stock movements are small numbers, so their sums repeat and a few
    /// thousand is usual; only amounts chosen to be hostile come near it.
    /// </summary>
    private const int MostStates = 2_000_000;

    public static SubsetVerdict Check(IEnumerable<long> amounts, long count, Int128 sum)
    {
        // Large amounts first: what the small ones can still change is then little, and most dead ends are seen early.
        var ordered = amounts.OrderByDescending(amount => Int128.Abs(amount)).ToArray();
        var (most, least) = ReachOfRest(ordered);
        var states = new HashSet<(long Count, Int128 Sum)> { (0, 0) };
        for (var i = 0; ; i++)
        {
            var rest = ordered.Length - i;
            states.RemoveWhere(state =>
                state.Count > count || state.Count + rest < count || state.Sum + most[i] < sum || state.Sum + least[i] > sum);
            if (states.Count == 0)
            {
                return SubsetVerdict.Unexplained;
            }

            if (rest == 0)
            {
                return SubsetVerdict.Explained;
            }

            if (states.Count > MostStates)
            {
                return SubsetVerdict.Undecided;
            }

            states.UnionWith([.. states.Select(state => (state.Count + 1, state.Sum + ordered[i]))]);
        }
    }

    private static (Int128[] Most, Int128[] Least) ReachOfRest(long[] ordered)
    {
        var most = new Int128[ordered.Length + 1];
        var least = new Int128[ordered.Length + 1];
        for (var i = ordered.Length - 1; i >= 0; i--)
        {
            most[i] = most[i + 1] + Math.Max(0, ordered[i]);
            least[i] = least[i + 1] + Math.Min(0, ordered[i]);
        }

        return (most, least);
    }
}
