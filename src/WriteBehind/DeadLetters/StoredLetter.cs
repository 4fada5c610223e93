using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.DeadLetters;

/// <summary>A dead letter as Redis holds it. Pinned by a snapshot file: names may be added, never changed.</summary>
internal sealed class StoredLetter
{
    [JsonPropertyName("v")]
    public long Version { get; init; }

    /// <summary>The nonce of the write, which tells it from another one of the same version; letters of earlier releases have none.</summary>
    [JsonPropertyName("w")]
    public string? Nonce { get; init; }

    [JsonPropertyName("reason")]
    public DeadLetterReason Reason { get; init; }

    [JsonPropertyName("error")]
    public string Error { get; init; } = string.Empty;

    [JsonPropertyName("code")]
    public string? Code { get; init; }

    [JsonPropertyName("attempts")]
    public int Attempts { get; init; }

    [JsonPropertyName("first")]
    public DateTimeOffset FirstFailedAt { get; init; }

    [JsonPropertyName("at")]
    public DateTimeOffset SetAsideAt { get; init; }

    [JsonPropertyName("stored")]
    public long StoredVersion { get; init; }

    /// <summary>Fenced only: whether the state was a tombstone.</summary>
    [JsonPropertyName("x")]
    public bool IsDelete { get; init; }

    /// <summary>Fenced only: the payload, which is nowhere else any more.</summary>
    [JsonPropertyName("d")]
    public byte[]? Payload { get; init; }

    /// <summary>The field of the entity by which it is seen to hold the rejected write still.</summary>
    [JsonIgnore]
    public string MarkField => string.IsNullOrEmpty(Nonce) ? "v" : "w";

    /// <summary>What that field holds then.</summary>
    [JsonIgnore]
    public string Mark => string.IsNullOrEmpty(Nonce) ? Version.ToString(CultureInfo.InvariantCulture) : Nonce;

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, StoredLetterJson.Default.StoredLetter);

    public static StoredLetter FromBytes(byte[] bytes)
        => JsonSerializer.Deserialize(bytes, StoredLetterJson.Default.StoredLetter) ?? new StoredLetter();

    public DeadLetter ToPublic(string type, string id)
        => new(type, id, Version, Reason, Error, Code, Attempts, FirstFailedAt, SetAsideAt, StoredVersion);
}
