using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>A logger that keeps what it is told.</summary>
internal sealed class Lines : ILogger
{
    public ConcurrentQueue<string> Written { get; } = new();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull
        => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        => Written.Enqueue(formatter(state, exception));
}
