namespace Orleans.WriteBehind.Tests.Grains;

public interface IPlayerGrain : IGrainWithGuidKey
{
    Task RenameAsync(string name);
}
