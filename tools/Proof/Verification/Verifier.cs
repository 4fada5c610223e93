using System.Globalization;
using Proof.Load;

namespace Proof.Verification;

/// <summary>
/// Compares the table with what was acknowledged. Every row has to be what it was before the load plus the product's acknowledged
/// movements, in sum and in number; movements of unknown outcome may each be in it or not. Nothing else may differ: rows that were not
/// written are unchanged, and there are no others.
/// </summary>
public static class Verifier
{
    public static IReadOnlyList<Mismatch> Compare(
        IReadOnlyDictionary<string, StockRow> before,
        IReadOnlyDictionary<string, StockRow> after,
        IReadOnlyList<string> ids,
        IReadOnlyList<ProductLedger> ledgers)
    {
        var written = ids.Zip(ledgers).ToDictionary(pair => pair.First, pair => pair.Second);
        return
        [
            .. before.Keys.Union(after.Keys).Union(ids)
                .Select(id => Compare(id, Find(before, id), Find(after, id), written.GetValueOrDefault(id)))
                .OfType<Mismatch>(),
        ];
    }

    private static StockRow? Find(IReadOnlyDictionary<string, StockRow> rows, string id) => rows.TryGetValue(id, out var row) ? row : null;

    private static Mismatch? Compare(string id, StockRow? before, StockRow? after, ProductLedger? ledger)
    {
        if (ledger is null || (ledger.Acknowledged == 0 && ledger.Unknown.Count == 0))
        {
            return before == after ? null : new(id, $"nothing was written, but the row changed from {Show(before)} to {Show(after)}");
        }

        if (after is not { } row)
        {
            return ledger.Acknowledged == 0 && before is null
                ? null
                : new(id, string.Create(
                    CultureInfo.InvariantCulture, $"there is no row, though {ledger.Acknowledged} movements were acknowledged"));
        }

        var start = before ?? default;
        var count = row.Movements - start.Movements - ledger.Acknowledged;
        var sum = (Int128)row.Quantity - start.Quantity - ledger.Sum;
        return SubsetCheck.Check(ledger.Unknown, count, sum) switch
        {
            SubsetVerdict.Explained => null,
            SubsetVerdict.Undecided => new(id, $"{ledger.Unknown.Count} writes of unknown outcome are too many to tell"),
            _ => new(id, string.Create(
                CultureInfo.InvariantCulture,
                $"the row has {count:+0;-0;0} movements and {Signed(sum)} pieces against what was acknowledged, "
                    + $"which {ledger.Unknown.Count} writes of unknown outcome do not explain")),
        };
    }

    private static string Signed(Int128 value) => value > 0 ? $"+{value}" : value.ToString(CultureInfo.InvariantCulture);

    private static string Show(StockRow? row) => row is { } there
        ? string.Create(CultureInfo.InvariantCulture, $"{there.Quantity} pieces in {there.Movements} movements")
        : "none";
}
