using Client.Cluster;
using Silo.Contracts;
using WriteBehind;

namespace Silo.Tests;

public sealed class ErrorsTests
{
    public static TheoryData<Exception, bool> Failures => new()
    {
        { new InsufficientStockException("lamp", 0, 1), true },
        { new WriteConflictException("stock", "lamp", 1, 2), true },
        { new BufferUnavailableException("Redis is away.", outcomeUnknown: false), true },
        { new BufferUnavailableException("Redis is away.", outcomeUnknown: true), false },
        { new WriteThroughException(
            "stock", "lamp", 3, new FlushIncompleteException("stock", "lamp", TimeSpan.FromSeconds(1), "it takes its time.")), false },
        { new StateLostException("stock", "lamp"), false },
        { new TimeoutException(), false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_change_counts_as_not_made_only_where_that_is_certain(Exception error, bool certain)
        => Assert.Equal(certain, Errors.IsCertainlyNotApplied(error));
}
