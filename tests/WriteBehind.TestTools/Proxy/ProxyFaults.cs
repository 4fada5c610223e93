namespace WriteBehind.TestTools.Proxy;

/// <summary>What a proxy does to the bytes at the moment, and how many it has passed on. Shared by all its connections.</summary>
internal sealed class ProxyFaults
{
    private long _requestDelay;
    private long _responseDelay;
    private long _bytesToServer;
    private long _bytesToClients;
    private long _bytesDropped;
    private long _mostToServer = long.MaxValue;
    private volatile bool _dropRequests;
    private volatile bool _dropResponses;

    public TimeSpan RequestDelay
    {
        get => new(Volatile.Read(ref _requestDelay));
        set => Volatile.Write(ref _requestDelay, value.Ticks);
    }

    public TimeSpan ResponseDelay
    {
        get => new(Volatile.Read(ref _responseDelay));
        set => Volatile.Write(ref _responseDelay, value.Ticks);
    }

    public bool DropRequests
    {
        get => _dropRequests;
        set => _dropRequests = value;
    }

    public bool DropResponses
    {
        get => _dropResponses;
        set => _dropResponses = value;
    }

    public long BytesToServer => Volatile.Read(ref _bytesToServer);

    public long BytesToClients => Volatile.Read(ref _bytesToClients);

    public long BytesDropped => Volatile.Read(ref _bytesDropped);

    /// <summary>Drops everything once this many bytes more have gone to the server.</summary>
    public void DropAfter(long bytes) => Volatile.Write(ref _mostToServer, BytesToServer + bytes);

    public void CountToServer(int bytes)
    {
        if (Interlocked.Add(ref _bytesToServer, bytes) >= Volatile.Read(ref _mostToServer))
        {
            (DropRequests, DropResponses) = (true, true);
        }
    }

    public void CountToClients(int bytes) => Interlocked.Add(ref _bytesToClients, bytes);

    public void CountDropped(int bytes) => Interlocked.Add(ref _bytesDropped, bytes);

    public void Clear()
    {
        Volatile.Write(ref _mostToServer, long.MaxValue);
        RequestDelay = TimeSpan.Zero;
        ResponseDelay = TimeSpan.Zero;
        DropRequests = false;
        DropResponses = false;
    }
}
