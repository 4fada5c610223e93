using System.Text.Json;

namespace Chaos.Histories;

/// <summary>
/// Writes the history of one process, a line for each begin and each end. A line is with the kernel before the call goes on, so a process
/// that is killed leaves all that it began.
/// </summary>
internal sealed class HistoryWriter(string file, string process) : IDisposable
{
    private readonly FileStream _file = new(file, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
    private readonly Lock _lock = new();
    private long _calls;

    /// <summary>Notes that a call begins.</summary>
    /// <returns>What names it.</returns>
    public string Begin(string operation, string key, string value = "")
    {
        var id = $"{process}/{Interlocked.Increment(ref _calls)}";
        Write(new(id, Clock.Now, operation, key, value));
        return id;
    }

    /// <summary>Notes how a call ended.</summary>
    public void End(string id, Outcome outcome, string result = "") => Write(new(id, Clock.Now, Outcome: outcome, Result: result));

    /// <summary>Notes an error that callers should not have got.</summary>
    public void Note(Exception strange) => Write(new($"{process}/!", Clock.Now, Result: strange.ToString()));

    /// <summary>Makes a call and notes it.</summary>
    /// <param name="operation">What it does.</param>
    /// <param name="key">Of which entity.</param>
    /// <param name="value">What it writes.</param>
    /// <param name="call">The call, which gives what the answer says.</param>
    /// <param name="outcomeOf">What callers may take an error for.</param>
    /// <param name="isExpected">Whether callers may get an error at all.</param>
    public async Task<Outcome> NoteAsync(
        string operation, string key, string value, Func<Task<string>> call, Func<Exception, Outcome> outcomeOf,
        Func<Exception, bool> isExpected)
    {
        var id = Begin(operation, key, value);
        var (outcome, result) = (Outcome.Ok, "");
        try
        {
            result = await call();
        }
#pragma warning disable CA1031 // Whatever it is, it is what the history says.
        catch (Exception e)
#pragma warning restore CA1031
        {
            outcome = outcomeOf(e);
            if (!isExpected(e))
            {
                Note(e);
            }
        }

        End(id, outcome, result);
        return outcome;
    }

    public void Dispose() => _file.Dispose();

    private void Write(HistoryLine line)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(line, HistoryLine.Options);
        lock (_lock)
        {
            _file.Write([.. bytes, (byte)'\n']);
        }
    }
}

/// <summary>A line of a history: the begin of a call, its end, or (with neither) something strange.</summary>
internal sealed record HistoryLine(
    string Id, long At, string? Operation = null, string? Key = null, string? Value = null, Outcome? Outcome = null, string? Result = null)
{
    public static readonly JsonSerializerOptions Options = new()
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };
}
