using System.Text.Json.Serialization;

namespace Embedded.Movements;

/// <summary>One movement as a bulk client sends it.</summary>
/// <param name="Seq">The client's number for it; the reply carries the same.</param>
/// <param name="Id">The product.</param>
/// <param name="Amount">How much comes in, or goes out where negative.</param>
/// <param name="Operation">Its id (<see cref="WriteBehind.OperationId"/>), with which it may be sent again and counts once.</param>
internal readonly record struct Movement(
    [property: JsonRequired] long Seq,
    [property: JsonRequired] string Id,
    [property: JsonRequired] long Amount,
    string? Operation = null);
