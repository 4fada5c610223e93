using Orleans.Transactions;
using Orleans.WriteBehind.Tests.Support;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>Orleans' transactions, whose grains store their states through the provider.</summary>
public sealed class TransactionTests
{
    [Fact]
    public async Task A_transfer_is_in_both_accounts_or_in_none_also_after_they_were_activated_again()
    {
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            Silo = static silo => silo.UseTransactions().AddWriteBehindGrainStorage("accounts"),
        });
        var (mine, yours, teller) = (
            cluster.Grain<IAccountGrain>("mine"), cluster.Grain<IAccountGrain>("yours"), cluster.Grain<ITransferGrain>("t"));
        await mine.AddAsync(10, "paid in");

        await teller.MoveAsync("mine", "yours", 7);
        await Assert.ThrowsAsync<OrleansTransactionAbortedException>(() => teller.MoveAsync("mine", "yours", 5));

        await ShowAsync(mine, "3: paid in, to yours");
        await ShowAsync(yours, "7: from mine");
        await EndAsync(mine, yours);
        await ShowAsync(mine, "3: paid in, to yours");
        await ShowAsync(yours, "7: from mine");

        await teller.MoveAsync("yours", "mine", 1);
        Assert.True((await cluster.Engine.FlushAllAsync(TimeSpan.FromSeconds(60))).IsClean);
        Assert.Equal(
            2L, await cluster.Database.ScalarAsync("SELECT count(*) FROM write_behind_documents WHERE type = 'grain-accounts'"));
        await EndAsync(mine, yours);
        await ShowAsync(mine, "4: paid in, to yours, from yours");
        await ShowAsync(yours, "6: from mine, to mine");
    }

    private static async Task ShowAsync(IAccountGrain account, string expected)
    {
        var state = await account.GetAsync();
        Assert.Equal(expected, $"{state.Balance}: {string.Join(", ", state.Reasons)}");
    }

    /// <summary>Has the accounts read their states again.</summary>
    private static async Task EndAsync(params IAccountGrain[] accounts)
    {
        foreach (var account in accounts)
        {
            var before = await account.EndAsync();
            Assert.NotEqual(before, await account.EndAsync());
        }
    }
}
