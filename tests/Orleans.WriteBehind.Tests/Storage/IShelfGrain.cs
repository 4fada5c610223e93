namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A grain whose persistent state is mapped to a table.</summary>
public interface IShelfGrain : IGrainWithIntegerKey
{
    Task LookAsync();
}
