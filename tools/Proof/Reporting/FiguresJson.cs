using System.Text.Json;
using System.Text.Json.Serialization;

namespace Proof.Reporting;

/// <summary>The figures as JSON.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(Figures))]
public sealed partial class FiguresJson : JsonSerializerContext;
