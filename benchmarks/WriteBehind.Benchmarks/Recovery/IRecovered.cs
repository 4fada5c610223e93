namespace WriteBehind.Benchmarks.Recovery;

/// <summary>What was started anew after an outage.</summary>
public interface IRecovered : IAsyncDisposable
{
    IWriteBehindEngine Engine { get; }

    /// <summary>A write of a caller, which must be acknowledged meanwhile.</summary>
    Task WriteAsync(string id);
}
