using WriteBehind.Benchmarks.Servers;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>Where the micro benchmarks work: BenchmarkDotNet makes their objects itself and can be given nothing.</summary>
public static class MicroWorkspace
{
    private static Workspace? _current;
    private static BenchmarkServers? _servers;

    public static Workspace Current
    {
        get => _current ?? throw new InvalidOperationException("Not set.");
        set => _current = value;
    }

    public static BenchmarkServers Servers
    {
        get => _servers ?? throw new InvalidOperationException("Not set.");
        set => _servers = value;
    }
}
