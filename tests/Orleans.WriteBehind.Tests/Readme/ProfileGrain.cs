namespace Orleans.WriteBehind.Tests.Readme;

public interface IProfileGrain : IGrainWithStringKey
{
    Task Rename(string name);
}

// <readme:profile>
public sealed class ProfileGrain([PersistentState("profile", "profiles")] IPersistentState<Profile> profile) : Grain, IProfileGrain
{
    public async Task Rename(string name)
    {
        profile.State.Name = name;
        await profile.WriteStateAsync();
    }
}
// </readme:profile>

/// <summary>The state of the README's second grain.</summary>
[GenerateSerializer]
public sealed class Profile
{
    [Id(0)]
    public string Name { get; set; } = string.Empty;
}
