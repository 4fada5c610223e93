namespace Client.Verification;

/// <summary>A state as one of the three places has it.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Text">Its values, in the same words wherever it comes from.</param>
internal readonly record struct StoredState(long Version, string Text)
{
    public override string ToString() => $"version {Version} ({Text})";
}
