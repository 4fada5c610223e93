using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace WriteBehind.AspNetCore.Tests.Web;

/// <summary>
/// A real web server on a loopback port with the endpoints and a <see cref="FakeEngine"/> behind them. A request's header
/// <see cref="RemoteHeader"/> stands for the address that it comes from.
/// </summary>
internal sealed class TestSite : IAsyncDisposable
{
    public const string RemoteHeader = "Test-Remote-Address";

    private readonly WebApplication _app;

    private TestSite(WebApplication app, FakeEngine engine)
    {
        _app = app;
        Engine = engine;
        Client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(app.Urls.Single()) };
    }

    public FakeEngine Engine { get; }

    public IServiceProvider Services => _app.Services;

    public HttpClient Client { get; }

    public static async Task<TestSite> StartAsync(
        Action<WriteBehindEndpointOptions>? configure = null,
        Action<IServiceCollection>? services = null,
        Action<WebApplication>? app = null,
        FakeEngine? engine = null,
        string address = "http://127.0.0.1:0")
    {
        engine ??= new FakeEngine();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(address);
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IWriteBehindEngine>(engine);
        services?.Invoke(builder.Services);

        var site = builder.Build();
        site.Use((http, next) =>
        {
            if (http.Request.Headers.TryGetValue(RemoteHeader, out var address))
            {
                http.Connection.RemoteIpAddress = IPAddress.Parse(address.ToString());
            }

            return next(http);
        });
        app?.Invoke(site);
        site.MapWriteBehind(configure: configure);
        await site.StartAsync();
        return new TestSite(site, engine);
    }

    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        foreach (var (name, value) in headers)
        {
            if (name == "Host")
            {
                request.Headers.Host = value;
            }
            else
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }
        }

        return await Client.SendAsync(request);
    }

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
        => SendAsync(HttpMethod.Get, path, headers);

    /// <summary>A POST as the live page and scripts send it.</summary>
    public Task<HttpResponseMessage> PostAsync(string path) => SendAsync(HttpMethod.Post, path, ("X-WriteBehind", "1"));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    public static async Task<JsonElement> JsonAsync(HttpResponseMessage answer) => await answer.Content.ReadFromJsonAsync<JsonElement>();

    /// <summary>Asserts that the answer is problem details of this status.</summary>
    public static async Task<JsonElement> AssertProblemAsync(HttpStatusCode status, HttpResponseMessage answer)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = await JsonAsync(answer);
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.StartsWith("urn:writebehind:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        return problem;
    }
}
