using System.Text.Json;
using System.Text.Json.Serialization;

namespace WriteBehind.AspNetCore.Documents;

/// <summary>The documents' JSON. Fixed here, so that no setting of the host changes what operators' scripts rely on.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true)]
[JsonSerializable(typeof(StatusDocument))]
[JsonSerializable(typeof(DeadLetterList))]
[JsonSerializable(typeof(DeadLetterDocument))]
[JsonSerializable(typeof(DeadLetterAction))]
[JsonSerializable(typeof(FlushReport))]
[JsonSerializable(typeof(HealthDocument))]
internal sealed partial class WriteBehindJson : JsonSerializerContext;
