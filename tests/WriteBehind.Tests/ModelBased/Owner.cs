using WriteBehind.Buffer;
using WriteBehind.Tests.Support;
using WriteBehind.Writing;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// Somebody who keeps what it learned of an entity and writes on top of it later, as a grain does. It uses the parts of the engine that
/// load and write, so that anything can happen between reading Redis, reading the row and writing.
/// </summary>
/// <remarks>Stamps are Redis' real time; before they are used they are moved back by what the clock was put forward since.</remarks>
internal sealed class Owner
{
    private readonly Run _run;
    private readonly Stepper _stepper = new();
    private readonly EntityBuffer _buffer;
    private readonly EntityLoader<Item> _loader;
    private readonly EntityWriter _writer;
    private readonly Dictionary<EntityModel, Memory> _memories = [];
    private Loading? _loading;
    private Sent? _sent;

    public Owner(Run run)
    {
        _run = run;
        var sink = run.NewSink();
        sink.BeforeLoad = () => _stepper.HoldAsync("load");
        var parts = run.NewParts(OpenGate.Instance, sink);
        _buffer = parts.Buffer;
        _loader = new EntityLoader<Item>(parts);
        _writer = new EntityWriter(parts, new NoSignals());
    }

    /// <summary>Loads. The row is asked for later where the load is held up, at the next call.</summary>
    public async Task<string> LoadAsync(EntityModel entity, bool heldUp)
    {
        if (!_stepper.IsActive)
        {
            var over = await _stepper.BeginAsync(() =>
            {
                _loading = new(entity, entity.Now, _run.Time.Ahead, _loader.LoadAsync(entity.Id));
                return _loading.Task;
            });
            if (!over && heldUp)
            {
                return "Redis is read";
            }
        }

        if (_stepper.IsActive)
        {
            await _stepper.GoOnAsync();
        }

        var (loading, loaded) = (_loading!, await _loading!.Task);
        loading.Entity.AssertRead(loading.Since, loaded.State);
        var seen = loaded.State?.Quantity ?? Write.Absent;
        _memories[loading.Entity] = new(loaded.Known, loading.Ahead, seen, loaded.FromDatabase ? loaded.State : null);
        return loaded.State is null ? $"absent, version {loaded.Known.Version}" : $"#{seen}, version {loaded.Known.Version}";
    }

    /// <summary>
    /// Writes on top of what it knows; without knowledge it loads instead. A write of unknown outcome is sent again first.
    /// </summary>
    public async Task<string> WriteAsync(EntityModel entity, bool isDelete, Trouble trouble)
    {
        if (_sent is not null)
        {
            return await SendAgainAsync(_sent);
        }

        if (!_memories.TryGetValue(entity, out var memory))
        {
            return $"loads instead: {await LoadAsync(entity, heldUp: false)}";
        }

        var write = _run.NewGroup(isDelete);
        write.Basis = memory.Seen;
        var payload = write.State is { } state ? _run.Codec.Encode(entity.Id, state) : null;
        if (trouble is Trouble.None or Trouble.Refused)
        {
            var reply = await _writer.WriteAsync(entity.Id, Aged(memory.Known, memory.Ahead), payload, write.Changes);
            return Learn(entity, write, memory, reply);
        }

        var request = new WriteRequest(
            entity.Id, memory.Known, payload, Nonces.New(isPut: payload is not null, memory.Known.Epoch), write.Changes);
        write.Nonce = request.Nonce;
        entity.Open.Add(write);
        _sent = new(entity, write, request, memory.Ahead);
        if (trouble == Trouble.AnswerLost)
        {
            await SendAsync(_sent);
        }
        else
        {
            var sent = _sent;
            _run.Traffic.Hold(toDatabase: false, () => SendAsync(sent));
        }

        return $"outcome of {write} unknown";
    }

    /// <summary>Fills the cache with what it loaded from the database.</summary>
    public async Task<string> FillAsync(EntityModel entity)
    {
        if (!_run.Keeps || !_memories.TryGetValue(entity, out var memory) || memory.Row is null)
        {
            return "nothing to fill in";
        }

        var payload = _run.Codec.Encode(entity.Id, memory.Row);
        return await _buffer.FillAsync(entity.Id, Aged(memory.Known, memory.Ahead), payload, CancellationToken.None)
            ? $"#{memory.Row.Quantity} filled in"
            : "not filled in";
    }

    /// <summary>Redis came back empty: a write of unknown outcome may have been lost, and may be applied anew.</summary>
    public void Reopen()
    {
        if (_sent is { } sent && !sent.Entity.Has(sent.Write) && !sent.Entity.Open.Contains(sent.Write))
        {
            sent.Entity.Open.Add(sent.Write);
        }
    }

    /// <summary>Sends it again as <see cref="EntityWriter"/> does: as it was.</summary>
    private async Task<string> SendAgainAsync(Sent sent)
    {
        _sent = null;
        var reply = await SendAsync(sent);
        if (reply.Status != WriteStatus.Ok)
        {
            BrokenPromiseException.Unless(
                sent.Entity.Current != sent.Write || !sent.Entity.Seen.IsDirty,
                $"{sent.Write} is the last write, and its writer was not told.");
            _memories.Remove(sent.Entity);
            return $"outcome of {sent.Write} stays unknown";
        }

        sent.Entity.Acknowledge(sent.Write, reply.Known.Version);
        _memories[sent.Entity] = new(reply.Known, _run.Time.Ahead, sent.Write.Seen, null);
        return $"{sent.Write} is version {reply.Known.Version}";
    }

    private string Learn(EntityModel entity, Write write, Memory memory, WriteReply reply)
    {
        _memories.Remove(entity);
        switch (reply.Status)
        {
            case WriteStatus.Ok:
                entity.Acknowledge(write, reply.Known.Version);
                _memories[entity] = new(reply.Known, _run.Time.Ahead, write.Seen, null);
                return $"{write} is version {reply.Known.Version}";
            case WriteStatus.Conflict:
                BrokenPromiseException.Unless(
                    write.Basis is not null && !entity.IsCurrent(memory.Seen, memory.Known.Version)
                        && reply.Known.Version == entity.Version,
                    $"A writer that knew version {memory.Known.Version} was told of version {reply.Known.Version} "
                        + $"and refused at {entity.Version}.");
                return "refused";
            case WriteStatus.Unconfirmed:
                BrokenPromiseException.Unless(
                    _run.Time.Ahead - memory.Ahead >= Terms.Fence || memory.Known.Epoch != reply.Known.Epoch,
                    "Young knowledge was not believed.");
                return "must confirm its version first";
            default:
                throw new BrokenPromiseException($"A write was answered with {reply.Status}.");
        }
    }

    private Task<WriteReply> SendAsync(Sent sent) => _buffer.WriteAsync(sent.Request with { Known = Aged(sent.Request.Known, sent.Ahead) });

    private Knowledge Aged(Knowledge known, TimeSpan ahead)
        => known with { KnownAt = known.KnownAt - (long)(_run.Time.Ahead - ahead).TotalMilliseconds };

    /// <param name="Entity">The entity.</param>
    /// <param name="Since">Where its history was when the load began.</param>
    /// <param name="Ahead">How far the clock was ahead when the load began.</param>
    /// <param name="Task">The load.</param>
    private sealed record Loading(EntityModel Entity, int Since, TimeSpan Ahead, Task<LoadedEntity<Item>> Task);

    /// <param name="Known">What it knows.</param>
    /// <param name="Ahead">How far the clock was ahead when it learned it.</param>
    /// <param name="Seen">Which write it saw.</param>
    /// <param name="Row">The state where it came from the database.</param>
    private sealed record Memory(Knowledge Known, TimeSpan Ahead, long Seen, Item? Row);

    /// <param name="Entity">The entity.</param>
    /// <param name="Write">The write.</param>
    /// <param name="Request">The request as it was sent first.</param>
    /// <param name="Ahead">How far the clock was ahead when its knowledge was learned.</param>
    private sealed record Sent(EntityModel Entity, Write Write, WriteRequest Request, TimeSpan Ahead);

    /// <summary>Nobody goes by what its writes meet.</summary>
    private sealed class NoSignals : IWriteSignals
    {
        public void Acknowledged(string id)
        {
        }

        public void Full(string id)
        {
        }

        public void Stuck(string id)
        {
        }

        public void Unstuck(string id)
        {
        }
    }
}
