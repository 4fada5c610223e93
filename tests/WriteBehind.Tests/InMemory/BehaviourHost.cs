using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.InMemory;

/// <summary>
/// An engine with the entity type <c>item</c>, on servers that can be looked at and harmed: real ones, or those in memory. The suites of
/// behaviour know no more of either.
/// </summary>
public abstract class BehaviourHost : IAsyncDisposable
{
    public abstract IWriteBehindEngine Engine { get; }

    public IEntityStore<Item> Items => Engine.Store<Item>("item");

    public abstract Task<ItemRow?> RowAsync(string id);

    /// <summary>Writes a row as another program would.</summary>
    public abstract Task PutRowAsync(string id, long version, Item state);

    public abstract Task RemoveRowAsync(string id);

    /// <summary>Loads and saves fail from now on, or no longer.</summary>
    public abstract void SetDatabaseAway(bool isAway);

    public abstract Task TakeRedisAwayAsync();

    public abstract Task BringRedisBackAsync();

    /// <summary>Writes a state; Redis takes it and its answer never comes. Returns what the caller is told.</summary>
    public abstract Task<BufferUnavailableException> WriteWithLostAnswerAsync(string id, Func<Task> write);

    /// <summary>Another process of the same service.</summary>
    public abstract Task<BehaviourHost> StartOtherAsync();

    public abstract Task StopAsync();

    public abstract ValueTask DisposeAsync();

    public async Task<TypeStatus> StatusAsync() => (await Engine.GetStatusAsync()).Types.Single(type => type.Type == "item");

    /// <summary>Flushes a poisoned item until it is a dead letter.</summary>
    public async Task<DeadLetter> BuryAsync(string id)
    {
        while (true)
        {
            await Assert.ThrowsAsync<EntityRejectedException>(() => Items.FlushAsync(id, TimeSpan.FromSeconds(60)));
            if (await Engine.DeadLetters.ShowAsync("item", id) is { } dead)
            {
                return dead.Letter;
            }
        }
    }
}
