namespace Silo.Contracts;

/// <summary>The service refuses a change by its own rules; nothing was changed.</summary>
[GenerateSerializer]
[Alias("silo.refused")]
public abstract class RefusedException : Exception
{
    /// <summary>Creates the error.</summary>
    protected RefusedException(string message)
        : base(message)
    {
    }
}
