namespace Orleans.WriteBehind.Tests.Grains;

public interface ISeatGrain : IGrainWithIntegerCompoundKey
{
    Task ReserveAsync(string guest);
}
