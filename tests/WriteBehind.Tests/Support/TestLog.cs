using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace WriteBehind.Tests.Support;

/// <summary>Keeps what an engine logs, so that tests can look at it.</summary>
public sealed class TestLog : ILoggerProvider
{
    /// <summary>The messages, with their levels.</summary>
    public ConcurrentQueue<(LogLevel Level, string Message)> Lines { get; } = new();

    /// <summary>Whether something with this text was logged at this level or above.</summary>
    public bool Has(LogLevel level, string text)
        => Lines.Any(line => line.Level >= level && line.Message.Contains(text, StringComparison.Ordinal));

    /// <summary>How often something with this text was logged at exactly this level.</summary>
    public int Count(LogLevel level, string text)
        => Lines.Count(line => line.Level == level && line.Message.Contains(text, StringComparison.Ordinal));

    public ILogger CreateLogger(string categoryName) => new Logger(this);

    public void Dispose()
    {
    }

    private sealed class Logger(TestLog log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => log.Lines.Enqueue((logLevel, formatter(state, exception)));
    }
}
