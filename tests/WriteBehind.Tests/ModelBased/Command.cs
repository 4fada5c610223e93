namespace WriteBehind.Tests.ModelBased;

/// <summary>
/// One thing that happens. Every command can be carried out in every situation, so that any part of a list is a list too.
/// </summary>
/// <param name="Move">What.</param>
/// <param name="Who">Which process, owner or flusher (there are two of each), or which of the things that are held up.</param>
/// <param name="Entity">On which entity.</param>
/// <param name="Trouble">What goes wrong.</param>
/// <param name="Meanwhile">What another process does before the writer sends again; null for nothing.</param>
/// <param name="Interval">How much time passes.</param>
public sealed record Command(
    Move Move, int Who = 0, int Entity = 0, Trouble Trouble = Trouble.None, Move? Meanwhile = null, Interval Interval = Interval.Moment)
{
    public static string NameOf(int entity) => ((char)('a' + entity)).ToString();

    public override string ToString()
    {
        var entity = NameOf(Entity);
        var text = Move switch
        {
            Move.Set => $"process {Who} sets {entity}",
            Move.SetIf => $"process {Who} sets {entity} if it is as last seen",
            Move.Update => $"process {Who} updates {entity}",
            Move.Delete => $"process {Who} deletes {entity}",
            Move.Get => $"process {Who} gets {entity}",
            Move.Flush => $"process {Who} flushes {entity}",
            Move.Sweep => $"process {Who} sweeps",
            Move.Load => $"owner {Who} loads {entity}",
            Move.OwnerPuts => $"owner {Who} puts {entity}",
            Move.OwnerDeletes => $"owner {Who} deletes {entity}",
            Move.Fill => $"owner {Who} fills in {entity}",
            Move.FlushStep => $"flusher {Who} flushes {entity} or goes on",
            Move.SweepStep => $"flusher {Who} sweeps or goes on",
            Move.Crash => $"flusher {Who} crashes",
            Move.Arrive => $"held-up {Who} arrives",
            Move.Wait => $"time passes ({Interval})",
            _ => "Redis comes back empty",
        };
        var trouble = Trouble == Trouble.None ? "" : $" [{Trouble}]";
        return Meanwhile is { } other ? $"{text}{trouble}, meanwhile the other: {other}" : text + trouble;
    }
}
