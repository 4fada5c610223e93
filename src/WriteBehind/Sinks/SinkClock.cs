namespace WriteBehind.Sinks;

/// <summary>
/// One reading of the database's clock. <see cref="At"/> was read before the answer arrived at <see cref="ReceivedAt"/>, so
/// <c>At + (t - ReceivedAt)</c> never runs ahead of the database's clock at the local moment t. A lease deadline that is
/// computed from a reading taken <em>before</em> the claim is therefore never too late, whatever the two clocks show.
/// </summary>
/// <param name="At">The database's clock.</param>
/// <param name="ReceivedAt">The local moment the answer arrived, as <see cref="TimeProvider.GetTimestamp"/> gives it.</param>
public readonly record struct SinkClock(DateTimeOffset At, long ReceivedAt);
