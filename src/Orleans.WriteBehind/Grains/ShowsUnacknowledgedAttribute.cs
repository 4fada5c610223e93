namespace Orleans.WriteBehind;

/// <summary>
/// On a method of a grain interface: its answer may show changes that Redis has not acknowledged yet and, should their save fail, never
/// will. Without it a call that runs while a save is under way is answered when that save is acknowledged. Saves readers of a hot
/// grain up to a round trip to Redis.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ShowsUnacknowledgedAttribute : Attribute;
