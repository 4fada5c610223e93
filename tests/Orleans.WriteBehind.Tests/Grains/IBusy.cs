namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>What several grain interfaces inherit.</summary>
[RateLimited("api")]
public interface IBusy : IGrain
{
}
