using Proof.Load;

namespace Embedded.Driver.Load;

/// <summary>The service's answer to a movement.</summary>
internal readonly record struct ReplyMessage(long Seq, long? Version, string? Error, bool OutcomeUnknown)
{
    public WriteAnswer ToAnswer() => Error is null
        ? new(WriteResult.Acknowledged)
        : new(OutcomeUnknown ? WriteResult.Unknown : WriteResult.Refused, Error);
}
