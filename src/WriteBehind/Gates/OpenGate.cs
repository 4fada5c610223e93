namespace WriteBehind.Gates;

/// <summary>The gate that is always open.</summary>
public sealed class OpenGate : IProtocolGate
{
    /// <summary>The one instance.</summary>
    public static readonly OpenGate Instance = new();

    private OpenGate()
    {
    }

    /// <inheritdoc />
    public ValueTask ReachAsync(ProtocolStep step, string type, IReadOnlyList<string> ids, CancellationToken cancellationToken) => default;
}
