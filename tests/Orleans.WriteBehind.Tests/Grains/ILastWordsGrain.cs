namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain that changes its state once more when it is deactivated, without flushing it.</summary>
public interface ILastWordsGrain : IGrainWithStringKey
{
    Task AddAsync(long quantity);
}
