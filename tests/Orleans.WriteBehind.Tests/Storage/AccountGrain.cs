using Orleans.Concurrency;
using Orleans.Transactions.Abstractions;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain whose state takes part in Orleans' transactions.</summary>
public interface IAccountGrain : IGrainWithStringKey
{
    [Transaction(TransactionOption.CreateOrJoin)]
    Task AddAsync(int amount, string reason);

    [Transaction(TransactionOption.CreateOrJoin)]
    Task<Account> GetAsync();

    Task<Guid> EndAsync();
}

[Reentrant]
public sealed class AccountGrain([TransactionalState("account", "accounts")] ITransactionalState<Account> account) : Grain, IAccountGrain
{
    private readonly Guid _activation = Guid.NewGuid();

    public Task AddAsync(int amount, string reason) => account.PerformUpdate(state =>
    {
        state.Balance += amount;
        state.Reasons.Add(reason);
        if (state.Balance < 0)
        {
            throw new InvalidOperationException("There is not as much.");
        }
    });

    public Task<Account> GetAsync() => account.PerformRead(static state => state);

    public Task<Guid> EndAsync()
    {
        DeactivateOnIdle();
        return Task.FromResult(_activation);
    }
}

/// <summary>Moves money from one account to another, in one transaction.</summary>
public interface ITransferGrain : IGrainWithStringKey
{
    [Transaction(TransactionOption.Create)]
    Task MoveAsync(string from, string to, int amount);
}

[StatelessWorker]
public sealed class TransferGrain : Grain, ITransferGrain
{
    public async Task MoveAsync(string from, string to, int amount)
    {
        // The one that may refuse comes last: by then the other has changed already.
        await GrainFactory.GetGrain<IAccountGrain>(to).AddAsync(amount, $"from {from}");
        await GrainFactory.GetGrain<IAccountGrain>(from).AddAsync(-amount, $"to {to}");
    }
}

[GenerateSerializer]
public sealed class Account
{
    [Id(0)]
    public int Balance { get; set; }

    [Id(1)]
    public List<string> Reasons { get; set; } = [];
}
