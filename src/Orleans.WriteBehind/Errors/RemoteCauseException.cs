namespace Orleans.WriteBehind;

/// <summary>
/// Stands for the cause of an error that came over the wire, where its type (of StackExchange.Redis, of Npgsql) is not known on
/// this side: it keeps the type's name, the message and the causes behind it.
/// </summary>
[GenerateSerializer]
[Alias("Orleans.WriteBehind.RemoteCauseException")]
public sealed class RemoteCauseException : Exception
{
    /// <summary>Creates the error.</summary>
    public RemoteCauseException(string typeName, string message, Exception? cause = null)
        : base(message, cause)
        => TypeName = typeName;

    /// <summary>The full name of the original's type.</summary>
    [Id(0)]
    public string TypeName { get; private set; }
}
