using System.Runtime.CompilerServices;
using WriteBehind.TestTools;

namespace WriteBehind.Tests.Support;

/// <summary>Listens for errors of tasks that nobody looked at.</summary>
public sealed class UnobservedErrors : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<string> _errors = [];

    public UnobservedErrors() => TaskScheduler.UnobservedTaskException += Note;

    /// <summary>Whether one that says this was left. Other tests' errors are none of ours.</summary>
    public async Task<bool> AnySaysAsync(string text)
    {
        // Once an error that is certainly left has been heard of, whatever was left before it has been, too.
        var control = Guid.NewGuid().ToString("N");
        await Eventually.TrueAsync(() =>
        {
            Leave(control);
            Collect();
            return Has(control);
        });
        Collect();
        return Has(text);
    }

    public void Dispose() => TaskScheduler.UnobservedTaskException -= Note;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Leave(string text) => _ = Task.FromException(new InvalidOperationException(text));

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    private void Note(object? sender, UnobservedTaskExceptionEventArgs e)
    {
        lock (_lock)
        {
            _errors.Add(e.Exception.ToString());
        }
    }

    private bool Has(string text)
    {
        lock (_lock)
        {
            return _errors.Any(error => error.Contains(text, StringComparison.Ordinal));
        }
    }
}
