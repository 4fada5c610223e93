using Proof.Load;
using Proof.Verification;

namespace WriteBehind.AspNetCore.Tests.Driver;

public sealed class VerifierTests
{
    private readonly Dictionary<string, StockRow> _before = [];
    private readonly Dictionary<string, StockRow> _after = [];
    private readonly List<string> _ids = [];
    private readonly List<ProductLedger> _ledgers = [];

    [Fact]
    public void A_row_of_the_acknowledged_movements_is_right()
    {
        Write("a", [3, -1, 5]);
        _after["a"] = new(7, 3);
        Assert.Empty(Compare());
    }

    [Fact]
    public void Rows_that_were_there_before_are_counted_on()
    {
        Write("a", [3]);
        _before["a"] = new(100, 9);
        _after["a"] = new(103, 10);
        Assert.Empty(Compare());
    }

    [Theory]
    [InlineData(7, 2)]
    [InlineData(7, 4)]
    [InlineData(6, 3)]
    [InlineData(8, 3)]
    [InlineData(0, 0)]
    public void A_lost_or_doubled_movement_is_found_by_its_sum_or_its_number(long quantity, long movements)
    {
        Write("a", [3, -1, 5]);
        _after["a"] = new(quantity, movements);
        Assert.Equal("a", Assert.Single(Compare()).Id);
    }

    [Fact]
    public void A_lost_movement_of_nothing_is_found_by_its_number()
    {
        Write("a", [3, 0]);
        _after["a"] = new(3, 1);
        Assert.Single(Compare());
    }

    [Theory]
    [InlineData(3, 1, true)]
    [InlineData(5, 2, true)]
    [InlineData(7, 2, true)]
    [InlineData(9, 3, true)]
    [InlineData(5, 1, false)]
    [InlineData(6, 2, false)]
    [InlineData(9, 2, false)]
    [InlineData(2, 0, false)]
    public void Movements_of_unknown_outcome_may_each_count_or_not(long quantity, long movements, bool right)
    {
        Write("a", [3], unknown: [2, 4]);
        _after["a"] = new(quantity, movements);
        Assert.Equal(right, Compare().Count == 0);
    }

    [Fact]
    public void A_missing_row_is_found_unless_nothing_was_acknowledged()
    {
        Write("a", [3]);
        Write("b", [], unknown: [1]);
        Assert.Equal("a", Assert.Single(Compare()).Id);
    }

    [Fact]
    public void A_row_that_vanished_is_found_though_nothing_was_acknowledged()
    {
        Write("b", [], unknown: [1]);
        _before["b"] = new(5, 1);
        Assert.Equal("b", Assert.Single(Compare()).Id);
    }

    [Fact]
    public void Rows_that_nobody_wrote_must_be_as_they_were()
    {
        Write("a", [], []);
        _before["same"] = _after["same"] = new(1, 1);
        _before["changed"] = new(1, 1);
        _after["changed"] = new(1, 2);
        _before["gone"] = new(1, 1);
        _after["new"] = new(0, 0);
        _after["a"] = new(1, 1);
        Assert.Equal(["a", "changed", "gone", "new"], Compare().Select(mismatch => mismatch.Id).Order(StringComparer.Ordinal));
    }

    private void Write(string id, long[] acknowledged, long[]? unknown = null)
    {
        var ledger = new ProductLedger();
        foreach (var amount in acknowledged)
        {
            ledger.Acknowledge(amount);
        }

        foreach (var amount in unknown ?? [])
        {
            ledger.AddUnknown(amount);
        }

        _ids.Add(id);
        _ledgers.Add(ledger);
    }

    private IReadOnlyList<Mismatch> Compare() => Verifier.Compare(_before, _after, _ids, _ledgers);
}
