namespace Orleans.WriteBehind.Tests.Grains;

/// <summary>A grain that is limited by an interface which its own inherits.</summary>
public interface IBusyGrain : IBusy, IGrainWithStringKey, IRemindable
{
    Task<int> CountAsync();
}
