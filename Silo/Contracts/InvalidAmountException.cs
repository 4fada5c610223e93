namespace Silo.Contracts;

/// <summary>An amount that makes no change, or one that can't be counted.</summary>
[GenerateSerializer]
[Alias("silo.invalid-amount")]
public sealed class InvalidAmountException : RefusedException
{
    /// <summary>Creates the error.</summary>
    public InvalidAmountException(string message)
        : base(message)
    {
    }
}
