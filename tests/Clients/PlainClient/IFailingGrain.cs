namespace PlainClient;

/// <summary>A grain whose calls fail.</summary>
[Alias("failing")]
public interface IFailingGrain : IGrainWithIntegerKey
{
    /// <summary>Fails with the error of this number; returns where there is none.</summary>
    [Alias("fail")]
    Task FailAsync(int number);
}
