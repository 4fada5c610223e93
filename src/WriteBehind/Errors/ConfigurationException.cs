namespace WriteBehind;

/// <summary>
/// What is configured contradicts what is found at start-up: another shard count or layout in Redis, a Redis that may lose
/// data where a durable one is required, a table or column that does not exist. The message names the setting and the way out.
/// </summary>
public sealed class ConfigurationException : WriteBehindException
{
    /// <summary>Creates the error.</summary>
    public ConfigurationException(string setting, string message, string? entityType = null, Exception? cause = null)
        : base(message, entityType, null, cause)
        => Setting = setting;

    /// <summary>The setting concerned.</summary>
    public string Setting { get; }
}
