using WriteBehind.Engine;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>A process that uses the engine as a user does; each of its calls is over before anything else happens.</summary>
internal sealed class Service
{
    private readonly Run _run;
    private readonly TroubleGate _gate = new();
    private readonly IEntityStore<Item> _store;
    private readonly Dictionary<EntityModel, long> _versions = [];

    public Service(Run run)
    {
        _run = run;
        Engine = run.Build(_gate, run.NewSink());
        _store = (IEntityStore<Item>)Engine.Store;
    }

    public ITypeEngine Engine { get; }

    /// <summary>Forgets the versions it saw: where they begin anew, a version alone no longer says which write it is of.</summary>
    public void Forget() => _versions.Clear();

    public async Task<string> SetAsync(EntityModel entity, Trouble trouble, Func<Task> meanwhile)
    {
        var write = _run.NewWrite();
        return await ChangeAsync(entity, write, trouble, meanwhile, async () => await _store.SetAsync(entity.Id, write.State!));
    }

    public async Task<string> UpdateAsync(EntityModel entity, Trouble trouble, Func<Task> meanwhile)
    {
        var write = _run.NewWrite();
        return await ChangeAsync(entity, write, trouble, meanwhile, async () =>
        {
            var updated = await _store.UpdateAsync(entity.Id, state =>
            {
                write.Basis = state?.Quantity ?? Write.Absent;
                return write.State;
            });
            return updated!.Version;
        });
    }

    public async Task<string> DeleteAsync(EntityModel entity, Trouble trouble, Func<Task> meanwhile)
        => await ChangeAsync(entity, _run.NewWrite(isDelete: true), trouble, meanwhile, async () =>
        {
            await _store.DeleteAsync(entity.Id);
            return null;
        });

    public async Task<string> SetIfAsync(EntityModel entity)
    {
        var expected = _versions.GetValueOrDefault(entity);
        var write = _run.NewWrite();
        try
        {
            var version = await _store.SetAsync(entity.Id, write.State!, expected);
            BrokenPromiseException.Unless(
                expected == entity.Version, $"A write that expected version {expected} was taken at {entity.Version}.");
            entity.Acknowledge(write, version);
            _versions[entity] = version;
            return $"{write} is version {version}";
        }
        catch (WriteConflictException e)
        {
            BrokenPromiseException.Unless(
                expected != entity.Version && e.CurrentVersion == entity.Version,
                $"A write that expected version {expected} was told of version {e.CurrentVersion} and refused at {entity.Version}.");
            return "refused";
        }
    }

    public async Task<string> GetAsync(EntityModel entity)
    {
        var found = await _store.GetAsync(entity.Id);
        entity.AssertRead(entity.Now, found?.State);
        BrokenPromiseException.Unless(
            found is null || found.Version == entity.Version, $"A read gave version {found?.Version}, not {entity.Version}.");
        _versions[entity] = found?.Version ?? 0;
        return found is null ? "absent" : $"#{found.State.Quantity}, version {found.Version}";
    }

    public async Task<string> FlushAsync(EntityModel entity)
    {
        var (since, before) = (entity.Now, entity.Seen);
        try
        {
            await _store.FlushAsync(entity.Id, TimeSpan.Zero);
            await _run.LookAsync();
            entity.AssertSaved(since);
            return "saved";
        }
        catch (FlushIncompleteException)
        {
            BrokenPromiseException.Unless(before.Claim is not null, "A flush failed with nothing in its way.");
            return "held by another";
        }
    }

    public async Task<string> SweepAsync()
    {
        EntityModel[] free = [.. _run.Entities.Where(entity => entity.Seen is { IsDirty: true, Claim: null })];
        await Engine.SweepAsync(CancellationToken.None);
        await _run.LookAsync();
        BrokenPromiseException.Unless(free.All(entity => !entity.Seen.IsDirty), "A sweep left something that nobody held.");
        return $"{free.Length} flushed";
    }

    private async Task<string> ChangeAsync(EntityModel entity, Write write, Trouble trouble, Func<Task> meanwhile, Func<Task<long?>> change)
    {
        if (trouble != Trouble.None)
        {
            entity.Open.Add(write);
        }

        _gate.Arm(trouble, async () =>
        {
            await _run.LookAsync();
            await meanwhile();
            await _run.LookAsync();
        });
        try
        {
            var version = await change();
            entity.Acknowledge(write, version);
            if (version is { } known && entity.Current == write)
            {
                _versions[entity] = known;
            }

            return entity.Has(write) ? $"{write} is version {write.Version}" : "nothing to do";
        }
        catch (BufferUnavailableException e) when (e.OutcomeUnknown && trouble is Trouble.AnswerLost or Trouble.HeldUp)
        {
            await _run.LookAsync();
            entity.Open.Remove(write);
            BrokenPromiseException.Unless(entity.Current != write, $"{write} is the last write, and its writer was not told.");
            return $"outcome of {write} unknown to the caller, {(entity.Has(write) ? "applied" : "not applied")}";
        }
        finally
        {
            _gate.Arm(Trouble.None, () => Task.CompletedTask);
        }
    }
}
