namespace WriteBehind.Tests.ModelBased;

/// <summary>Requests that were given up by their senders and may still arrive.</summary>
internal sealed class Traffic
{
    private readonly List<(bool ToDatabase, Func<Task> Arrive)> _requests = [];

    public void Hold(bool toDatabase, Func<Task> arrive) => _requests.Add((toDatabase, arrive));

    /// <summary>Lets one arrive; false where there is none.</summary>
    public async Task<bool> ArriveAsync(int which)
    {
        if (_requests.Count == 0)
        {
            return false;
        }

        var request = _requests[which % _requests.Count];
        _requests.Remove(request);
        await request.Arrive();
        return true;
    }

    /// <summary>Lets all that go to the database arrive.</summary>
    public async Task ArriveAtDatabaseAsync()
    {
        var requests = _requests.Where(request => request.ToDatabase).ToArray();
        LoseToDatabase();
        foreach (var request in requests)
        {
            await request.Arrive();
        }
    }

    public void LoseToDatabase() => _requests.RemoveAll(request => request.ToDatabase);

    public void LoseAll() => _requests.Clear();
}
