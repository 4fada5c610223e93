namespace Embedded.Driver.Load;

/// <summary>A movement as the service's bulk socket takes it.</summary>
internal readonly record struct MovementMessage(long Seq, string Id, long Amount, string Operation);
