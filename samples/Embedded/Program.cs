using Embedded;
using Embedded.Limits;
using Embedded.Movements;
using Embedded.Pages;
using Embedded.Profiles;
using Microsoft.EntityFrameworkCore;
using WriteBehind;

// A shop that counts its stock. Every movement is acknowledged once Redis has it; PostgreSQL follows within about a second, with one
// row written for however many movements a product saw meanwhile.
var builder = WebApplication.CreateBuilder(args);
var redis = builder.Configuration["WRITEBEHIND_REDIS"] ?? builder.Configuration.GetConnectionString("Redis")!;
var postgres = builder.Configuration["WRITEBEHIND_POSTGRES"] ?? builder.Configuration.GetConnectionString("Shop")!;

builder.Services.AddDbContextFactory<ShopContext>(options => options.UseNpgsql(postgres));

// Hosted services start in this order and stop in reverse: the table is there before the engine looks for it, and the engine drains
// after the web server has taken its last request.
builder.Services.AddHostedService<ShopSchema>();
builder.Services.AddWriteBehind()
    .UseRedis(redis)
    .UseEntityFramework<ShopContext>()
    .AddEntity<Stock>("stock", options =>
    {
        options.FlushDelay = TimeSpan.FromSeconds(1);
        options.AfterFlush = AfterFlush.Keep;           // products that sell, sell again: read them from Redis
        options.Lease = TimeSpan.FromSeconds(10);       // after a crash, what the dead process was flushing waits this long
        options.StatementTimeout = TimeSpan.FromSeconds(5);
    })
    .AddReadThroughCache<Profile>("profiles", options =>
    {
        options.Ttl = TimeSpan.FromHours(1);            // nobody waits for it: writes go through the cache, others' changes are heard of
        options.MaxStale = TimeSpan.FromHours(1);       // with the database down, an old address is better than none
        options.TagsOf = profile => [ProfileEndpoints.CityTag(profile.City)];
    })
    .AddPostgresInvalidation<ShopContext>("profiles")
    .AddCache(PageEndpoints.Cache, options =>
    {
        options.Ttl = TimeSpan.FromSeconds(10);
        options.NegativeTtl = TimeSpan.FromSeconds(2);  // a page for a new product must not be missing for long
        options.LocalTtl = TimeSpan.FromSeconds(1);
        options.MaxStale = TimeSpan.FromMinutes(1);
    })
    .AddRateLimit(AvailabilityLimit.Name, limit =>
    {
        (limit.Permits, limit.Window) = (5, TimeSpan.FromSeconds(10));
        builder.Configuration.GetSection($"Limits:{AvailabilityLimit.Name}").Bind(limit);
    });
builder.Services.AddAvailabilityLimit();
builder.Services.AddSingleton<PageMaker>();

builder.Services.AddHealthChecks().AddWriteBehind();
builder.Services.AddWriteBehindProblemDetails();
builder.Services.AddOpenApi();

var app = builder.Build();
if (await app.RunWriteBehindCommandsAsync(args) is { } exitCode)
{
    return exitCode;            // dotnet Embedded.dll writebehind status: a command, and no service
}

app.UseExceptionHandler();
app.UseRateLimiter();
app.UseWebSockets();
app.MapOpenApi();
app.MapStock();
app.MapAvailability();
app.MapMovements();
app.MapProfiles();             // a read cache that is written through
app.MapPages();                // a stampede guard
app.MapWriteBehind();           // the live page and the operator's endpoints, at /writebehind
app.MapWriteBehindHealth();     // /health, /health/live, /health/ready
await app.RunAsync();
return 0;
