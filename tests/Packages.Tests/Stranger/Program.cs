using Microsoft.EntityFrameworkCore;
using Orleans.TestingHost;
using Shop;
using WriteBehind;
using WriteBehind.Testing;

if (args is ["test"])
{
    return await TestAsync();
}

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddDbContextFactory<ShopContext>(db => db.UseNpgsql(builder.Configuration["Postgres"]));
if (args is ["silo", ..])
{
    builder.UseOrleans(silo =>
    {
        silo.UseLocalhostClustering(int.Parse(args[1]), int.Parse(args[2])).UseInMemoryReminderService();
        silo.AddWriteBehind(engine => Register(engine));
        silo.AddWriteBehindGrainStorage("profiles");
    });
}
else
{
    Register(builder.Services.AddWriteBehind());
}

builder.Services.AddHealthChecks().AddWriteBehind();
builder.WebHost.UseUrls("http://127.0.0.1:0");
await using var app = builder.Build();
if (await app.RunWriteBehindCommandsAsync(args) is { } exitCode)
{
    return exitCode;
}

app.MapWriteBehind();
app.MapWriteBehindHealth();
await using (var context = await app.Services.GetRequiredService<IDbContextFactory<ShopContext>>().CreateDbContextAsync())
{
    await context.Database.EnsureCreatedAsync();
}

await app.StartAsync();
var engine = app.Services.GetRequiredService<IWriteBehindEngine>();
Console.WriteLine($"delay {engine.OptionsOf("stock").FlushDelay}");
if (args is ["silo", ..])
{
    var grains = app.Services.GetRequiredService<IGrainFactory>();
    Console.WriteLine($"grain {await grains.GetGrain<IStockGrain>("lamp").Restock(5)}");
    Console.WriteLine($"storage {await grains.GetGrain<IProfileGrain>("ada").Rename("Ada")}");
}
else
{
    var stock = engine.Store<Stock>();
    await stock.SetAsync("85123A", new Stock(100));
    Console.WriteLine($"engine {(await stock.UpdateAsync("85123A", s => new Stock(s!.Quantity - 6)))!.State.Quantity}");
}

// What is left dirty is for the commands.
await app.StopAsync();
return 0;

static void Register(WriteBehindBuilder engine) => engine
    .BindConfiguration()
    .UseRedis(services => StackExchange.Redis.ConfigurationOptions.Parse(services.GetRequiredService<IConfiguration>()["Redis"]!))
    .UseEntityFramework<ShopContext>()
    .AddEntity<Stock>("stock");

static async Task<int> TestAsync()
{
    var servers = new InMemoryWriteBehind();
    var cluster = new InProcessTestClusterBuilder(1);
    cluster.ConfigureSilo((_, silo) => silo.AddWriteBehindForTests(servers, engine => engine.AddEntity<Stock>("stock")));
    await using var built = cluster.Build();
    await built.DeployAsync();
    await built.Client.GetGrain<IStockGrain>("lamp").Restock(5);
    await servers.FlushAllAsync();
    Console.WriteLine($"tested {servers.Table<Stock>()["lamp"]!.State.Quantity}");
    return 0;
}
