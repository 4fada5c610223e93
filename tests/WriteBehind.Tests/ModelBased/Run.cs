using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.Flushing;
using WriteBehind.Redis;
using WriteBehind.Tests.Support;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.ModelBased;

/// <summary>One scenario, carried out on the real engine, with a look at everything after each command.</summary>
internal sealed class Run : IDisposable
{
    private const long FirstVersion = 3;

    private readonly Stage _stage;
    private readonly IEntityRegistration _registration;
    private readonly IEntitySink<Item> _sink;
    private readonly EngineParts _parts;
    private readonly RedisView _redis;
    private readonly Service[] _services;
    private readonly Owner[] _owners;
    private readonly Flusher[] _flushers;
    private long _writes;

    public Run(Stage stage, Scenario scenario)
    {
        _stage = stage;
        Keeps = scenario.Keeps;
        (_registration, _sink) = stage.Of(Keeps);
        EngineOptions = new WriteBehindOptions
        {
            KeyPrefix = SharedServers.FreshName("m"),
            BackoffStart = TimeSpan.FromTicks(1),
            BackoffCap = TimeSpan.FromTicks(1),
        };
        _parts = stage.Parts with
        {
            Options = EngineOptions,
            Meter = new EngineMeter(new Meters()),
            Time = Time,
            Loggers = NullLoggerFactory.Instance,
        };
        Codec = new PayloadCodec<Item>(Options);
        Entities = [.. Enumerable.Range(0, Scenario.Entities).Select(i => NewEntity(i, scenario.HasRows))];
        _redis = new RedisView(stage.Redis, new KeyLayout(EngineOptions.KeyPrefix, Options.Type, Options.Shards), Ids, Codec, Time);
        _services = [new(this), new(this)];
        _owners = [new(this), new(this)];
        _flushers = [new(this), new(this)];
    }

    public bool Keeps { get; }

    public VirtualTime Time { get; } = new();

    public Traffic Traffic { get; } = new();

    public EntityModel[] Entities { get; }

    public WriteBehindOptions EngineOptions { get; }

    public EntityTypeOptions<Item> Options => (EntityTypeOptions<Item>)_registration.Options;

    public PayloadCodec<Item> Codec { get; }

    /// <summary>What happened so far, for the report of a failure.</summary>
    public List<string> Story { get; } = [];

    private string[] Ids => Array.ConvertAll(Entities, entity => entity.Id);

    public VirtualSink NewSink() => new(_sink, Time, Traffic);

    public Write NewWrite(bool isDelete = false) => new(++_writes, isDelete);

    /// <summary>Every third of these holds several changes, as those of a busy entity do.</summary>
    public Write NewGroup(bool isDelete) => new(++_writes, isDelete) { Changes = _writes % 3 == 0 ? 4 : 1 };

    /// <summary>Starts a process.</summary>
    public ITypeEngine Build(IProtocolGate gate, VirtualSink sink) => _registration.Build(EngineOf(gate, sink));

    /// <summary>The parts of a process, without the rest of it.</summary>
    public TypeParts<Item> NewParts(IProtocolGate gate, VirtualSink sink) => new(Options, EngineOf(gate, sink));

    /// <summary>Carries out all commands and then settles up.</summary>
    public async Task ExecuteAsync(IReadOnlyList<Command> commands)
    {
        foreach (var entity in Entities.Where(entity => !entity.Current.IsDelete))
        {
            await _stage.Table.PutAsync(new ItemRow(entity.Id, entity.Version, entity.Current.Number, null));
        }

        await LookAsync();
        for (var i = 0; i < commands.Count; i++)
        {
            var at = Story.Count;
            Story.Add($"{i + 1}. {commands[i]}");
            var outcome = await CarryOutAsync(commands[i]);
            Story[at] += $": {outcome}";
            await LookAsync();
        }

        await SettleUpAsync();
    }

    /// <summary>Looks at everything; whatever is seen must fit the model.</summary>
    public async Task LookAsync()
    {
        var looking = _stage.Rows.LookAsync(Ids);
        var observations = await _redis.LookAsync();
        var rows = await looking;
        foreach (var entity in Entities)
        {
            entity.Look(observations[entity.Index] with { Row = rows[entity.Index] });
        }
    }

    public void Dispose() => _parts.Meter.Dispose();

    private EngineParts EngineOf(IProtocolGate gate, VirtualSink sink) => _parts with
    {
        Gate = gate,
        Sinks = new VirtualSinkFactory(sink),
        Flushes = new SemaphoreSlim(4),
        Loads = new SemaphoreSlim(4),
    };

    private async Task<string> CarryOutAsync(Command command)
    {
        var entity = Entities[command.Entity];
        var (service, owner, flusher) = (_services[command.Who], _owners[command.Who], _flushers[command.Who]);
        switch (command.Move)
        {
            case Move.Set or Move.Update or Move.Delete or Move.Flush or Move.Sweep:
                return await CallAsync(service, command.Move, entity, command.Trouble, async () =>
                {
                    if (command.Meanwhile is { } move)
                    {
                        var other = _services[1 - command.Who];
                        Story.Add($"   meanwhile {move}: {await CallAsync(other, move, entity, Trouble.None, () => Task.CompletedTask)}");
                    }
                });
            case Move.SetIf:
                return await service.SetIfAsync(entity);
            case Move.Get:
                return await service.GetAsync(entity);
            case Move.Load:
                return await owner.LoadAsync(entity, command.Trouble != Trouble.None);
            case Move.OwnerPuts or Move.OwnerDeletes:
                return await owner.WriteAsync(entity, command.Move == Move.OwnerDeletes, command.Trouble);
            case Move.Fill:
                return await owner.FillAsync(entity);
            case Move.FlushStep:
                return await flusher.FlushAsync(entity, command.Trouble);
            case Move.SweepStep:
                return await flusher.SweepAsync(command.Trouble);
            case Move.Crash:
                return flusher.Crash();
            case Move.Arrive:
                return await Traffic.ArriveAsync(command.Who) ? "arrived" : "nothing was held up";
            case Move.Wait:
                return await PassAsync(command.Interval);
            default:
                return await WipeAsync();
        }
    }

    private static Task<string> CallAsync(Service service, Move move, EntityModel entity, Trouble trouble, Func<Task> meanwhile)
        => move switch
        {
            Move.Set => service.SetAsync(entity, trouble, meanwhile),
            Move.Update => service.UpdateAsync(entity, trouble, meanwhile),
            Move.Delete => service.DeleteAsync(entity, trouble, meanwhile),
            Move.Flush => service.FlushAsync(entity),
            _ => service.SweepAsync(),
        };

    private async Task<string> PassAsync(Interval interval)
    {
        var time = Terms.LengthOf(interval);
        if (interval == Interval.Day)
        {
            // That no flusher sleeps for a day is taken for granted: see ProtocolLimitsTests.
            Array.ForEach(_flushers, flusher => flusher.Crash());
            Traffic.LoseAll();
        }

        Time.Pass(time);
        await _redis.PassAsync(time, Entities);
        if (interval == Interval.Day)
        {
            await LookAsync();
            Array.ForEach(Entities, entity => entity.Forget());
            Array.ForEach(_services, service => service.Forget());
        }

        return $"{Time.Ahead} in all";
    }

    /// <summary>Not in the middle of a flush: see ProtocolLimitsTests.</summary>
    private async Task<string> WipeAsync()
    {
        Array.ForEach(_flushers, flusher => flusher.Crash());
        Traffic.LoseToDatabase();
        await _redis.WipeAsync();
        Array.ForEach(Entities, entity => entity.LoseUnsaved());
        Array.ForEach(_owners, owner => owner.Reopen());
        Array.ForEach(_services, service => service.Forget());
        return string.Join(", ", Entities.Select(entity => $"{Command.NameOf(entity.Index)} is {entity.Current}"));
    }

    /// <summary>In the end all leases are over, all is flushed, and nothing that comes late makes a difference.</summary>
    private async Task SettleUpAsync()
    {
        Story.Add($"In the end: {await PassAsync(Interval.Lease)}");
        using var limit = new CancellationTokenSource(Eventually.DefaultDeadline);
        var report = await WholeTypeFlush.RunAsync(_services[0].Engine, Time, limit.Token);
        await LookAsync();
        BrokenPromiseException.Unless(
            report.IsClean && Entities.All(entity => !entity.Seen.IsDirty), "Flushing everything left something.");

        Story.Add("What was late goes on.");
        foreach (var flusher in _flushers)
        {
            await flusher.FinishAsync();
        }

        await Traffic.ArriveAtDatabaseAsync();
        await LookAsync();
        BrokenPromiseException.Unless(await _redis.CountDeadAsync() == 0, "There is a dead letter.");
    }

    private EntityModel NewEntity(int index, bool hasRow)
    {
        // The last entity is in another shard than the others, in every run alike.
        var shard = index == Scenario.Entities - 1 ? 1 : 0;
        string id;
        do
        {
            id = SharedServers.FreshName(Command.NameOf(index));
        }
        while (ShardHash.ShardOf(id, Options.Shards) != shard);

        var first = NewWrite(isDelete: !hasRow);
        first.Version = hasRow ? FirstVersion : 0;
        return new EntityModel(index, id, first);
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
