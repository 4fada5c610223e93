using Seat = Orleans.WriteBehind.Tests.Support.Seat;

namespace Orleans.WriteBehind.Tests.Grains;

public sealed class SeatGrain : WriteBehindGrain<Seat>, ISeatGrain
{
    public Task ReserveAsync(string guest)
    {
        State.Guest = guest;
        return SaveAsync();
    }
}
