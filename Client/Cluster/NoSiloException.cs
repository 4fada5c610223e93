namespace Client.Cluster;

/// <summary>No silo of the cluster answers. The message is all that the caller needs to see.</summary>
internal sealed class NoSiloException(string message, Exception? cause = null) : Exception(message, cause);
