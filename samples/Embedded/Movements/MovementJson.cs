using System.Text.Json;
using System.Text.Json.Serialization;

namespace Embedded.Movements;

/// <summary>The messages of the bulk socket: each is an array.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(List<Movement>))]
[JsonSerializable(typeof(List<MovementReply>))]
internal sealed partial class MovementJson : JsonSerializerContext;
