using Player = Orleans.WriteBehind.Tests.Support.Player;

namespace Orleans.WriteBehind.Tests.Grains;

public sealed class PlayerGrain : WriteBehindGrain<Player>, IPlayerGrain
{
    public Task RenameAsync(string name)
    {
        State.Name = name;
        return SaveAsync();
    }
}
