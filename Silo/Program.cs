using Orleans.Dashboard;
using Silo.Data;
using Silo.Hosting;
using Silo.Http;
using WriteBehind;
using WriteBehind.Health;

// The exit code of a stop after which nobody knows how much is left to flush.
const int UnknownLeft = 3;

// A silo of the service: grains whose state is written behind, and HTTP in front of them.
var builder = WebApplication.CreateBuilder(args);
var settings = SiloSettings.Read(builder.Configuration);
var isDevelopment = builder.Environment.IsDevelopment();

builder.Services.AddSingleton(settings);
builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = settings.ShutdownTimeout);

// Hosted services start in this order and stop in reverse: the tables are there before the engine looks for them, and the silo stops
// after the web server has taken its last request.
if (settings.CreateSchema)
{
    builder.Services.AddHostedService<Schema>();
}

builder.UseOrleans(silo =>
{
    silo.AddCluster(settings, builder.Configuration, isDevelopment);
    silo.AddEntities(settings);
});

builder.Services.AddHealthChecks().AddWriteBehind().AddCheck<SiloHealthCheck>("silo", tags: [WriteBehindHealth.ReadyTag]);
builder.Services.AddExceptionHandler<ServiceExceptionHandler>().AddWriteBehindProblemDetails();     // asked in this order
builder.Services.AddOpenApi();

var app = builder.Build();
if (await app.RunWriteBehindCommandsAsync(args) is { } exitCode)
{
    return exitCode;                                // dotnet Silo.dll writebehind status: a command, and no silo
}

app.UseExceptionHandler();
app.UseStatusCodePages();                           // with a body for those that have none, such as 404
app.MapOpenApi();
app.MapEntities();
app.MapWriteBehind(configure: WhoMayCall);          // the live page and the operator's endpoints, at /writebehind
app.MapWriteBehindHealth(configure: WhoMayCall);    // /health, /health/live, /health/ready
if (isDevelopment)
{
    app.MapOrleansDashboard("/dashboard");
}

// Taken now: after the run there are no services any more.
var (engine, stopping) = (app.Services.GetRequiredService<IWriteBehindEngine>(), app.Lifetime.ApplicationStopping);
var drains = app.Services.GetRequiredService<WriteBehindOptions>().DrainTimeout > TimeSpan.Zero;
try
{
    await app.RunAsync();
}
catch (Exception e) when (stopping.IsCancellationRequested)
{
    // A stop with Redis away: the cluster's own tables are there, too. What is acknowledged is no worse off for it.
    Console.Error.WriteLine($"The silo stopped with an error: {e.Message}");
    return UnknownLeft;
}

// Only what could not be counted: what is known to be left is in Redis and in the log, and the next silo's.
return drains && engine.LastStop is { Uncounted.Count: > 0 } ? UnknownLeft : 0;

void WhoMayCall(WriteBehindEndpointOptions options) => options.AllowAnonymous = settings.OpenEndpoints;
