namespace Orleans.WriteBehind.Grains;

/// <summary>
/// The enumerations that are open in one activation. Each is one call, however many requests fetch its items: what a request delivers may
/// have been made before it came, so only the call as a whole knows which save acknowledges it.
/// </summary>
/// <param name="owner">The grain.</param>
/// <param name="expiry">When one that nobody asked for again is forgotten: its caller is gone, and so is the enumerator itself.</param>
/// <param name="time">The clock.</param>
internal sealed class Enumerations(object owner, TimeSpan expiry, TimeProvider time)
{
    private readonly Dictionary<Guid, (CallScope Call, long UsedAt)> _open = [];

    /// <summary>Goes on with an enumeration, or begins one. Ends as <see cref="CallScope.Begin"/> does.</summary>
    public CallScope Enter(Guid id)
    {
        var now = time.GetTimestamp();
        if (_open.TryGetValue(id, out var open))
        {
            open.Call.Resume();
        }
        else
        {
            foreach (var (other, (_, usedAt)) in _open)
            {
                if (time.GetElapsedTime(usedAt, now) > expiry)
                {
                    _open.Remove(other);
                }
            }

            open.Call = CallScope.Begin(owner);
        }

        _open[id] = (open.Call, now);
        return open.Call;
    }

    public void Close(Guid id) => _open.Remove(id);
}
