namespace Orleans.WriteBehind.Tests.Grains;

[RateLimited("api")]
public sealed class BusyGrain : Grain, IBusyGrain
{
    private int _begun;

    public Task<int> CountAsync() => Task.FromResult(++_begun);

    public Task ReceiveReminder(string reminderName, TickStatus status) => Task.CompletedTask;
}
