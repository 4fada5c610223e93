using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// The real sink, with PostgreSQL's clock put forward: readings of it are moved into the virtual time, and deadlines out of it. It can
/// hold loads and have trouble with saves.
/// </summary>
internal sealed class VirtualSink(IEntitySink<Item> real, VirtualTime time, Traffic traffic) : IEntitySink<Item>
{
    /// <summary>What goes wrong with the next save.</summary>
    public Trouble NextSave { get; set; }

    /// <summary>Runs before each load is sent; may wait.</summary>
    public Func<Task>? BeforeLoad { get; set; }

    public string Description => real.Description;

    public Task VerifyAsync(CancellationToken cancellationToken) => real.VerifyAsync(cancellationToken);

    public string? CheckId(string id) => real.CheckId(id);

    public async Task<SinkClock> ReadClockAsync(CancellationToken cancellationToken)
    {
        var clock = await real.ReadClockAsync(cancellationToken);
        return new SinkClock(clock.At + time.Ahead, time.FromReal(clock.ReceivedAt));
    }

    public async Task<SaveResult[]> SaveAsync(
        IReadOnlyList<SaveItem<Item>> items, DateTimeOffset deadline, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var trouble = NextSave;
        NextSave = Trouble.None;
        switch (trouble)
        {
            case Trouble.None:
                return await SendAsync();
            case Trouble.Refused:
                throw SinkProbe.Outage();
            case Trouble.AnswerLost:
                await SendAsync();
                break;
            default:
                traffic.Hold(toDatabase: true, SendAsync);
                break;
        }

        throw new SinkException(SinkFailure.Transient, "The connection broke (test).", outcomeUnknown: true);

        Task<SaveResult[]> SendAsync() => real.SaveAsync(items, deadline - time.Ahead, timeout, CancellationToken.None);
    }

    public async Task<IReadOnlyList<StoredRow<Item>>> LoadAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (BeforeLoad is { } hook)
        {
            await hook();
        }

        return await real.LoadAsync(ids, cancellationToken);
    }

    public async Task<IReadOnlyList<StoredVersion>> LoadVersionsAsync(IReadOnlyList<string> ids, CancellationToken cancellationToken)
    {
        if (BeforeLoad is { } hook)
        {
            await hook();
        }

        return await real.LoadVersionsAsync(ids, cancellationToken);
    }
}
