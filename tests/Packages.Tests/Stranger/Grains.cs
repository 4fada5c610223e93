using Microsoft.EntityFrameworkCore;
using Orleans.WriteBehind;

namespace Shop;

public sealed record Stock(long Quantity)
{
    public Stock()
        : this(0)
    {
    }
}

public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        var stock = modelBuilder.Entity<Stock>();
        stock.Property<string>("Sku");
        stock.HasKey("Sku");
        stock.HasWriteBehindVersion();
        modelBuilder.AddWriteBehindDocuments();
    }
}

public interface IStockGrain : IGrainWithStringKey
{
    Task<long> Restock(long quantity);
}

public sealed class StockGrain : WriteBehindGrain<Stock>, IStockGrain
{
    public async Task<long> Restock(long quantity)
    {
        State = new Stock(State.Quantity + quantity);
        await SaveAsync();
        return State.Quantity;
    }
}

public interface IProfileGrain : IGrainWithStringKey
{
    Task<string> Rename(string name);
}

public sealed class ProfileGrain([PersistentState("profile", "profiles")] IPersistentState<Profile> profile) : Grain, IProfileGrain
{
    public async Task<string> Rename(string name)
    {
        profile.State.Name = name;
        await profile.WriteStateAsync();
        return profile.State.Name;
    }
}

[GenerateSerializer]
public sealed class Profile
{
    [Id(0)]
    public string Name { get; set; } = "";
}
