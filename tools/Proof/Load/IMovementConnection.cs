namespace Proof.Load;

/// <summary>A way to write movements.</summary>
public interface IMovementConnection
{
    /// <summary>Writes one. Whatever goes wrong is an answer, not an exception.</summary>
    Task<WriteAnswer> WriteAsync(string id, long amount);
}
