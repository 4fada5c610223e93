using System.Diagnostics;

namespace Proof.Processes;

/// <summary>The service's output: all of it in a file, and the last lines at hand for an error message.</summary>
public sealed class ServiceLog : IDisposable
{
    private const int LinesKept = 15;

    private readonly Lock _lock = new();
    private readonly StreamWriter _file;
    private readonly Queue<string> _last = new();

    public ServiceLog(string path)
    {
        Path = path;
        try
        {
            _file = new StreamWriter(path, append: false) { AutoFlush = true };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"The service's log can't be written to '{path}': {e.Message}");
        }
    }

    public string Path { get; }

    /// <summary>Takes up a process's output; each line is also given to <paramref name="onLine"/>.</summary>
    public void Attach(Process process, Action<string> onLine)
    {
        DataReceivedEventHandler take = (_, e) =>
        {
            if (e.Data is not { } line)
            {
                return;
            }

            Add(line);
            onLine(line);
        };
        process.OutputDataReceived += take;
        process.ErrorDataReceived += take;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string LastLines()
    {
        lock (_lock)
        {
            return string.Join(Environment.NewLine, _last.Select(line => $"  | {line}"));
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _file.Dispose();
        }
    }

    private void Add(string line)
    {
        lock (_lock)
        {
            // Stack frames are for the file: an error's message should not be pushed out by them.
            if (!line.TrimStart().StartsWith("at ", StringComparison.Ordinal))
            {
                _last.Enqueue(line);
            }

            if (_last.Count > LinesKept)
            {
                _last.Dequeue();
            }

            if (_file.BaseStream is { CanWrite: true })
            {
                _file.WriteLine(line);
            }
        }
    }
}
