using Chaos.Histories;
using Microsoft.Extensions.Logging;

namespace Chaos.Workers;

/// <summary>Notes in the history what the log tells of a loss.</summary>
internal sealed class LossLog(HistoryWriter history) : ILoggerProvider, ILogger
{
    private static readonly string[] Words = ["Redis came back empty", "Redis went back"];

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Critical;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var message = formatter(state, exception);
        if (Array.Exists(Words, word => message.Contains(word, StringComparison.Ordinal)))
        {
            history.End(history.Begin(Operations.Told, "", message), Outcome.Ok);
        }
    }

    public void Dispose()
    {
        // The history is not its own.
    }
}
