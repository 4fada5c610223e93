namespace WriteBehind.TestTools.Processes;

/// <summary>The lines that a program writes, as they come.</summary>
internal sealed class OutputLines
{
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _ended;

    public IReadOnlyList<string> Snapshot()
    {
        lock (_lock)
        {
            return [.. _lines];
        }
    }

    /// <summary>Adds a line; null is the end.</summary>
    public void Add(string? line)
    {
        lock (_lock)
        {
            if (line is null)
            {
                _ended = true;
            }
            else
            {
                _lines.Add(line);
            }

            _more.TrySetResult();
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>The first line that fits, past or future.</summary>
    /// <exception cref="EndOfStreamException">The output ended without one.</exception>
    public async Task<string> FirstAsync(Func<string, bool> predicate)
    {
        for (var seen = 0; ;)
        {
            Task more;
            lock (_lock)
            {
                for (; seen < _lines.Count; seen++)
                {
                    if (predicate(_lines[seen]))
                    {
                        return _lines[seen];
                    }
                }

                if (_ended)
                {
                    throw new EndOfStreamException("The output ended.");
                }

                more = _more.Task;
            }

            await more;
        }
    }
}
