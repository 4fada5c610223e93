using System.Globalization;
using Microsoft.Extensions.Options;
using WriteBehind.Buffer;

namespace WriteBehind.Caching.Queues;

/// <summary>Checks the settings of all queues; every message names the queue, the setting, its value and the fix.</summary>
internal sealed class QueueOptionsValidator(IEnumerable<QueueOptions> queues, IEnumerable<IEntityRegistration> entities) : IValidateOptions<WriteBehindOptions>
{
    public ValidateOptionsResult Validate(string? name, WriteBehindOptions options)
    {
        var failures = new List<string>();
        foreach (var twice in queues.GroupBy(queue => queue.Name, StringComparer.Ordinal).Where(group => group.Count() > 1))
        {
            failures.Add($"The queue '{twice.Key}' is registered {twice.Count()} times: register each name once.");
        }

        foreach (var taken in entities.Where(entity => entity.Options.NotifyFlush && queues.Any(queue => queue.Name == entity.Type)))
        {
            failures.Add($"NotifyFlush of entity type '{taken.Type}' is 'True', and a queue has the same name: its notices go through that name, so give the queue another.");
        }

        foreach (var queue in queues)
        {
            failures.AddRange(Validate(queue));
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static List<string> Validate(QueueOptions options)
    {
        var failures = new List<string>();
        void Check(bool ok, string setting, object value, string fix)
        {
            if (!ok)
            {
                failures.Add(string.Create(CultureInfo.InvariantCulture, $"{setting} of queue '{options.Name}' is '{value}': {fix}"));
            }
        }

        Check(EntityIds.IsName(options.Name), nameof(options.Name), options.Name, "use a lower-case letter, then up to 47 of a-z, 0-9, '-' and '_'.");
        Check(
            options.Lease >= TimeSpan.FromSeconds(1) && options.Lease <= WriteBehindOptionsValidator.LongestTime, nameof(options.Lease), options.Lease, "use 1 s to 1 day.");
        Check(
            options.PollInterval >= TimeSpan.FromMilliseconds(10) && options.PollInterval <= TimeSpan.FromHours(1), nameof(options.PollInterval), options.PollInterval, "use 10 ms to 1 h.");
        Check(options.MaxLength >= 1, nameof(options.MaxLength), options.MaxLength, "use 1 or more.");
        Check(options.MaxItemBytes is >= 1 and <= 1 << 20, nameof(options.MaxItemBytes), options.MaxItemBytes, "use 1 byte to 1 MiB.");
        return failures;
    }
}
