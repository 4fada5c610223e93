using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests.Grains;

public sealed class WorkGrain : WriteBehindGrain<Stock>, IWorkGrain
{
    private int _done;

    public async Task<long> WorkAsync()
    {
        _done++;
        State.Quantity++;
        await SaveAsync();
        return State.Quantity;
    }

    public Task<int> DoneAsync() => Task.FromResult(_done);
}
