using System.Text.Json.Serialization;

namespace WriteBehind.DeadLetters;

/// <summary>The serializer of <see cref="StoredLetter"/>.</summary>
[JsonSourceGenerationOptions(UseStringEnumConverter = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(StoredLetter))]
internal sealed partial class StoredLetterJson : JsonSerializerContext;
