using System.Text.Json;
using System.Text.Json.Serialization;

namespace Embedded.Driver.Load;

/// <summary>The messages of the bulk socket: each is an array.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(List<MovementMessage>))]
[JsonSerializable(typeof(List<ReplyMessage>))]
internal sealed partial class MessageJson : JsonSerializerContext;
