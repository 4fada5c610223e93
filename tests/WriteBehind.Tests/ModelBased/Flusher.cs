using WriteBehind.Buffer;
using WriteBehind.Engine;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// A process of which only one flush at a time is looked at, step by step: claimed, saved, settled. Anything may happen in between.
/// </summary>
internal sealed class Flusher(Run run)
{
    private Stepper _stepper = new();
    private VirtualSink? _sink;
    private ITypeEngine? _engine;
    private EntityModel? _entity;
    private int _since;

    public Task<string> FlushAsync(EntityModel entity, Trouble trouble) => StepAsync(trouble, engine =>
    {
        (_entity, _since) = (entity, entity.Now);
        return ((IEntityStore<Item>)engine.Store).FlushAsync(entity.Id, TimeSpan.Zero);
    });

    public Task<string> SweepAsync(Trouble trouble) => StepAsync(trouble, engine => engine.SweepAsync(CancellationToken.None));

    /// <summary>Goes on to the end, where something is under way.</summary>
    public async Task FinishAsync()
    {
        while (_stepper.IsActive)
        {
            await SweepAsync(Trouble.None);
        }
    }

    /// <summary>What was under way never goes on; a new process takes its place.</summary>
    public string Crash()
    {
        var died = _stepper.IsActive;
        (_stepper, _engine, _entity) = (new Stepper(), null, null);
        return died ? "it held a claim" : "it was idle";
    }

    private async Task<string> StepAsync(Trouble trouble, Func<ITypeEngine, Task> begin)
    {
        if (_engine is null)
        {
            _sink = run.NewSink();
            _engine = run.Build(new StepGate(_stepper), _sink);
        }

        try
        {
            bool over;
            if (_stepper.IsActive)
            {
                _sink!.NextSave = _stepper.HeldAt == nameof(ProtocolStep.Claimed) ? trouble : Trouble.None;
                over = await _stepper.GoOnAsync();
            }
            else
            {
                _entity = null;
                over = await _stepper.BeginAsync(() => begin(_engine));
            }

            if (over && _entity is { } flushed)
            {
                await run.LookAsync();
                flushed.AssertSaved(_since);
            }

            return over ? "done" : _stepper.HeldAt!;
        }
        catch (FlushIncompleteException e)
        {
            return e.Message;
        }
        finally
        {
            _sink!.NextSave = Trouble.None;
        }
    }
}
