using System.Text.Json;

namespace Proof.Reporting;

/// <summary>
/// The file that the figures go to. Opened at the beginning: a path that can't be written should not come out after the run, and a
/// file of an earlier run should not be taken for this one's.
/// </summary>
public sealed class JsonFile : IDisposable
{
    private readonly FileStream _file;

    private JsonFile(FileStream file) => _file = file;

    /// <exception cref="UsageException">It can't be written.</exception>
    public static JsonFile? Reserve(string? path)
    {
        if (path is null)
        {
            return null;
        }

        try
        {
            return new(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"--json '{path}' can't be written: {e.Message}");
        }
    }

    public void Write(Figures figures)
    {
        JsonSerializer.Serialize(_file, figures, FiguresJson.Default.Figures);
        _file.WriteByte((byte)'\n');
        _file.Flush();
    }

    public void Dispose() => _file.Dispose();
}
