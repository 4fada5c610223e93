using Orleans.EventSourcing;
using Orleans.Providers;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A journaled grain that stores its state.</summary>
[LogConsistencyProvider(ProviderName = "states")]
[StorageProvider(ProviderName = "carts")]
public sealed class LedgerGrain : JournaledLedger, ILedgerGrain;

/// <summary>A journaled grain that stores its events.</summary>
[LogConsistencyProvider(ProviderName = "logs")]
[StorageProvider(ProviderName = "carts")]
public sealed class LoggedLedgerGrain : JournaledLedger, ILoggedLedgerGrain;

public interface ILedgerGrain : IJournaledLedger;

public interface ILoggedLedgerGrain : IJournaledLedger;

public interface IJournaledLedger : IGrainWithStringKey
{
    Task DepositAsync(int amount);

    Task WithdrawAsync(int amount, string reason);

    Task<string> ShowAsync();

    Task EndAsync();
}

public abstract class JournaledLedger : JournaledGrain<Ledger, LedgerEvent>
{
    public async Task DepositAsync(int amount)
    {
        RaiseEvent(new Deposited { Amount = amount });
        await ConfirmEvents();
    }

    public async Task WithdrawAsync(int amount, string reason)
    {
        RaiseEvent(new Withdrawn { Amount = amount, Reason = reason });
        await ConfirmEvents();
    }

    public Task<string> ShowAsync() => Task.FromResult($"{State.Balance} {State.LastReason}");

    public Task EndAsync()
    {
        DeactivateOnIdle();
        return Task.CompletedTask;
    }
}

[GenerateSerializer]
public sealed class Ledger
{
    [Id(0)]
    public int Balance { get; set; }

    [Id(1)]
    public string LastReason { get; set; } = "";

    public void Apply(Deposited e) => Balance += e?.Amount ?? 0;

    public void Apply(Withdrawn e) => (Balance, LastReason) = (Balance - (e?.Amount ?? 0), e?.Reason ?? "");
}

[GenerateSerializer]
public abstract class LedgerEvent
{
    [Id(0)]
    public int Amount { get; set; }
}

[GenerateSerializer]
public sealed class Deposited : LedgerEvent;

[GenerateSerializer]
public sealed class Withdrawn : LedgerEvent
{
    [Id(0)]
    public string Reason { get; set; } = "";
}
