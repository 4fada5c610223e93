namespace WriteBehind.Caching.Limits;

/// <summary>What a rate limit answers while Redis can't be asked.</summary>
public enum WhenRedisIsAway
{
    /// <summary>Everybody is admitted ("fail open"): an outage of Redis is no outage of the service. Nothing is limited meanwhile.</summary>
    Admit,

    /// <summary>Nobody is admitted ("fail closed"), for what must not happen unlimited: log-ins, payments, messages that cost money.</summary>
    Reject,
}
