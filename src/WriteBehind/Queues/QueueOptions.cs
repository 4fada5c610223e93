using Microsoft.Extensions.Options;
using WriteBehind.Common;

namespace WriteBehind.Queues;

/// <summary>The settings of one queue. All are validated at start-up.</summary>
public sealed class QueueOptions
{
    internal QueueOptions(string name) => Name = name;

    /// <summary>
    /// The registered name: a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'. The hash tag of every key of the queue.
    /// </summary>
    public string Name { get; }

    /// <summary>
    /// How long a worker that is not heard of any more keeps what it took; default 30 s, at least 1 s, up to 1 day. Workers say that they
    /// live three times as often. Shorter brings the items of a dead worker back sooner; a process that stands still for longer loses
    /// its items to others and may find that their work was done twice.
    /// </summary>
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How often an idle worker looks without having been woken; default 1 s, 10 ms to 1 h. Wake-up messages are not reliable; this is how
    /// late a lost one is made up for.
    /// </summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The most items that may wait; default 100,000. Further ones are refused. Items that workers hold don't count.</summary>
    public int MaxLength { get; set; } = 100_000;

    /// <summary>
    /// Whether an item that equals one that waits already is left out; default false. An item that a worker holds does not wait: the same
    /// item can then be added again, because the worker may have looked before the reason for the new one.
    /// </summary>
    public bool Deduplicate { get; set; }

    /// <summary>The longest item, in UTF-8 bytes; default 4,096, at most 1 MiB. Queues are for ids, not for documents.</summary>
    public int MaxItemBytes { get; set; } = 4096;
}

/// <summary>Checks the settings of all queues; every message names the queue, the setting, its value and the fix.</summary>
internal sealed class QueueOptionsValidator(
    IEnumerable<QueueOptions> queues, IEnumerable<EntityTypeOptions> entities) : IValidateOptions<WriteBehindOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var failures = SettingsCheck.Twice("queue", queues.Select(static queue => queue.Name)).ToList();
        foreach (var taken in entities.Where(entity => entity.NotifyFlush && queues.Any(queue => queue.Name == entity.Type)))
        {
            failures.Add(
                $"NotifyFlush of entity type '{taken.Type}' is 'True', and a queue has the same name: its notices go through that name, " +
                "so give the queue another.");
        }

        foreach (var queue in queues)
        {
            failures.AddRange(Validate(queue));
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static List<string> Validate(QueueOptions options)
    {
        var settings = SettingsCheck.Of("queue", options.Name);
        settings.CheckName(options.Name);
        settings.Check(
            options.Lease >= TimeSpan.FromSeconds(1) && options.Lease <= SettingsCheck.LongestTime,
            nameof(options.Lease),
            options.Lease,
            "use 1 s to 1 day.");
        settings.Check(
            options.PollInterval >= TimeSpan.FromMilliseconds(10) && options.PollInterval <= TimeSpan.FromHours(1),
            nameof(options.PollInterval),
            options.PollInterval,
            "use 10 ms to 1 h.");
        settings.Check(options.MaxLength >= 1, nameof(options.MaxLength), options.MaxLength, "use 1 or more.");
        settings.Check(
            options.MaxItemBytes is >= 1 and <= 1 << 20, nameof(options.MaxItemBytes), options.MaxItemBytes, "use 1 byte to 1 MiB.");
        return settings.Failures;
    }
}
