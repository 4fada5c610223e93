using Proof.Load;

namespace Proof.Reporting;

/// <summary>A running load as it is shown.</summary>
public sealed class LoadProgress(string title, long total, LoadStatistics statistics)
{
    private ServiceStatus? _status;
    private string _note = "";

    public string Title => title;

    public long Total => total;

    public LoadStatistics Statistics => statistics;

    /// <summary>How the service was doing when last asked; null while it is down.</summary>
    public ServiceStatus? Status
    {
        get => _status;
        set => _status = value;
    }

    /// <summary>What has just happened.</summary>
    public string Note
    {
        get => Volatile.Read(ref _note);
        set => Volatile.Write(ref _note, value);
    }

    public double Share => total == 0 ? 1 : (double)statistics.Done / total;
}
