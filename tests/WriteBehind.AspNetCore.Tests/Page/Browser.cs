using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using WriteBehind.TestTools;

namespace WriteBehind.AspNetCore.Tests.Page;

/// <summary>A Chromium without a window, which tests speak to over its DevTools protocol. One for all tests of the page.</summary>
public sealed class Browser : IAsyncLifetime, IDisposable
{
    private readonly DirectoryInfo _profile = Directory.CreateTempSubdirectory("writebehind-browser-");
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonElement>> _calls = new();
    private readonly ConcurrentDictionary<string, Action<string, JsonElement>> _listeners = new();
    private readonly SemaphoreSlim _sending = new(1);
    private readonly ClientWebSocket _socket = new();
    private ChildProcess? _process;
    private Task _reading = Task.CompletedTask;
    private int _lastCall;

    /// <summary>The text of axe-core.</summary>
    public string Axe { get; private set; } = "";

    public async Task InitializeAsync()
    {
        var (program, axe) = await FindAsync();
        Axe = await File.ReadAllTextAsync(axe);
        string[] options =
        [
            "--headless", "--remote-debugging-port=0", $"--user-data-dir={_profile.FullName}", "--no-first-run", "--disable-gpu",
            "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "about:blank",
        ];
        _process = ChildProcess.Start(program, Environment.IsPrivilegedProcess ? ["--no-sandbox", .. options] : options);
        const string Prefix = "DevTools listening on ";
        await Eventually.TrueAsync(() => Said() is not null);
        await _socket.ConnectAsync(new Uri(Said()!.Split(Prefix)[1]), CancellationToken.None);
        _reading = ReadAsync();

        string? Said() => _process.Errors.Concat(_process.Output).FirstOrDefault(line => line.Contains(Prefix, StringComparison.Ordinal));
    }

    /// <summary>Opens a page in a tab of its own.</summary>
    internal async Task<Tab> OpenAsync(Uri page, int width = 1280, int height = 900, bool isDark = false)
    {
        var context = (await SendAsync(null, "Target.createBrowserContext")).GetProperty("browserContextId").GetString();
        var target = (await SendAsync(null, "Target.createTarget", new() { ["url"] = "about:blank", ["browserContextId"] = context }))
            .GetProperty("targetId").GetString()!;
        var session = (await SendAsync(null, "Target.attachToTarget", new() { ["targetId"] = target, ["flatten"] = true }))
            .GetProperty("sessionId").GetString()!;
        var tab = new Tab(this, session, target);
        _listeners[session] = tab.Hear;
        await tab.BeginAsync(page, width, height, isDark);
        return tab;
    }

    internal void Close(string session) => _listeners.TryRemove(session, out _);

    internal async Task<JsonElement> SendAsync(string? session, string method, JsonObject? parameters = null)
    {
        var id = Interlocked.Increment(ref _lastCall);
        var call = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters ?? [] };
        if (session is not null)
        {
            call["sessionId"] = session;
        }

        var answer = _calls[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(call), WebSocketMessageType.Text, true, CancellationToken.None);
        }
        finally
        {
            _sending.Release();
        }

        return await answer.Task.WaitAsync(Eventually.DefaultDeadline);
    }

    public async Task DisposeAsync()
    {
        if (_process is not null)
        {
            await SendAsync(null, "Browser.close");
            await _process.WaitForExitAsync();
            await _process.DisposeAsync();
        }

        await _reading;

        // Its helpers end a moment after it, and one of them may still write.
        await Eventually.TrueAsync(() =>
        {
            _profile.Refresh();
            if (_profile.Exists)
            {
                _profile.Delete(recursive: true);
            }

            return true;
        });
    }

    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
    }

    private static async Task<(string Program, string Axe)> FindAsync([CallerFilePath] string here = "")
    {
        var scripts = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../scripts/lib.sh"));
        await using var finder = ChildProcess.Start(
            "bash", ["-c", """set -euo pipefail; . "$0"; ensure_browser; say "$BROWSER" "$AXE_SCRIPT" """, scripts]);
        var code = await finder.WaitForExitAsync(TimeSpan.FromMinutes(5));
        Assert.True(code == 0, string.Join('\n', finder.Errors));
        return (finder.Output[^2], finder.Output[^1]);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[1 << 16];
        using var message = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer, CancellationToken.None);
                message.Write(buffer, 0, part.Count);
                if (part.EndOfMessage)
                {
                    Take(JsonDocument.Parse(message.ToArray()).RootElement);
                    message.SetLength(0);
                }

                if (part.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or JsonException)
        {
            foreach (var call in _calls.Values)
            {
                call.TrySetException(new InvalidOperationException("The browser has ended.", e));
            }
        }
    }

    private void Take(JsonElement message)
    {
        if (!message.TryGetProperty("id", out var id))
        {
            if (message.TryGetProperty("sessionId", out var session) && _listeners.TryGetValue(session.GetString()!, out var listener))
            {
                listener(message.GetProperty("method").GetString()!, message.GetProperty("params"));
            }
        }
        else if (_calls.TryRemove(id.GetInt32(), out var call))
        {
            if (message.TryGetProperty("result", out var result))
            {
                call.TrySetResult(result);
            }
            else
            {
                call.TrySetException(new InvalidOperationException(message.GetRawText()));
            }
        }
    }
}

/// <summary>A page in the browser, used as a person would.</summary>
internal sealed class Tab(Browser browser, string session, string target) : IAsyncDisposable
{
    private readonly ConcurrentQueue<string> _errors = new();

    /// <summary>What the page's console has of errors: exceptions and breaches of its security policy.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    public async Task BeginAsync(Uri page, int width, int height, bool isDark)
    {
        await SendAsync("Runtime.enable");
        await SendAsync("Log.enable");
        await SendAsync("Page.enable");
        await ResizeAsync(width, height);
        await SendAsync("Emulation.setEmulatedMedia", new()
        {
            ["features"] = new JsonArray(
                new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = isDark ? "dark" : "light" },
                new JsonObject { ["name"] = "prefers-reduced-motion", ["value"] = "reduce" }),
        });
        await SendAsync("Page.navigate", new() { ["url"] = page.ToString() });
        await WaitForAsync("document.readyState === 'complete'");
    }

    public Task ResizeAsync(int width, int height) => SendAsync("Emulation.setDeviceMetricsOverride", new()
    {
        ["width"] = width,
        ["height"] = height,
        ["deviceScaleFactor"] = 1,
        ["mobile"] = width < 700,
    });

    /// <summary>What an expression of JavaScript, or its promise, comes to.</summary>
    public async Task<T> EvaluateAsync<T>(string script)
    {
        var answer = await SendAsync(
            "Runtime.evaluate", new() { ["expression"] = script, ["returnByValue"] = true, ["awaitPromise"] = true });
        Assert.False(answer.TryGetProperty("exceptionDetails", out var error), $"{script}: {error}");
        return answer.GetProperty("result").TryGetProperty("value", out var value) ? value.Deserialize<T>()! : default!;
    }

    public async Task WaitForAsync(string condition)
    {
        try
        {
            await Eventually.TrueAsync(() => EvaluateAsync<bool>($"Boolean({condition})"), TimeSpan.FromSeconds(30), condition);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(
                $"{e.Message}\nErrors: {string.Join('\n', Errors)}\n{await EvaluateAsync<string>("document.body.innerText")}", e);
        }
    }

    /// <summary>Waits until the page says so.</summary>
    public Task SeesAsync(string text) => WaitForAsync($"document.body.innerText.includes({JsonSerializer.Serialize(text)})");

    /// <summary>Clicks the middle of what an expression of JavaScript finds.</summary>
    public async Task ClickAsync(string element)
    {
        await WaitForAsync($"(e => e && !e.disabled && e.getClientRects().length)({element})");
        var at = await EvaluateAsync<double[]>(
            $"(e => {{ e.scrollIntoView({{ block: 'center' }}); const r = e.getBoundingClientRect(); " +
            $"return [r.x + r.width / 2, r.y + r.height / 2]; }})({element})");
        foreach (var type in (string[])["mouseMoved", "mousePressed", "mouseReleased"])
        {
            await SendAsync("Input.dispatchMouseEvent", new()
            {
                ["type"] = type,
                ["x"] = at[0],
                ["y"] = at[1],
                ["button"] = type == "mouseMoved" ? "none" : "left",
                ["clickCount"] = type == "mouseMoved" ? 0 : 1,
            });
        }
    }

    /// <summary>Clicks the first button that says so, or has that for its name.</summary>
    public Task ClickButtonAsync(string label, string within = "body") => ClickAsync(
        $"[...document.querySelectorAll({JsonSerializer.Serialize(within + " button")})].find(b => b.getClientRects().length && " +
        $"[b.textContent, b.getAttribute('aria-label')].includes({JsonSerializer.Serialize(label)}))");

    public Task TypeAsync(string text) => SendAsync("Input.insertText", new() { ["text"] = text });

    public async Task PressAsync(string key, int code, string? text = null)
    {
        foreach (var type in (string[])["keyDown", "keyUp"])
        {
            var press = new JsonObject { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code };
            if (text is not null && type == "keyDown")
            {
                press["text"] = text;
            }

            await SendAsync("Input.dispatchKeyEvent", press);
        }
    }

    /// <summary>The serious and critical findings of axe-core.</summary>
    public async Task<string[]> AccessibilityFaultsAsync()
    {
        await EvaluateAsync<object>(browser.Axe + "; undefined");
        return await EvaluateAsync<string[]>(
            "axe.run(document).then(r => r.violations.filter(v => ['serious', 'critical'].includes(v.impact))" +
            ".flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 200)} ${n.failureSummary}`)))");
    }

    /// <summary>Keeps pictures of the whole page where WRITEBEHIND_SCREENSHOTS names a folder.</summary>
    public async Task ShowAsync(string name)
    {
        if (Environment.GetEnvironmentVariable("WRITEBEHIND_SCREENSHOTS") is { Length: > 0 } folder)
        {
            var size = (await SendAsync("Page.getLayoutMetrics")).GetProperty("cssContentSize");
            const double Part = 1600;
            for (var (i, height) = (0, size.GetProperty("height").GetDouble()); i * Part < height; i++)
            {
                var picture = await SendAsync("Page.captureScreenshot", new()
                {
                    ["captureBeyondViewport"] = true,
                    ["clip"] = new JsonObject
                    {
                        ["x"] = 0,
                        ["y"] = i * Part,
                        ["width"] = size.GetProperty("width").GetDouble(),
                        ["height"] = Math.Min(Part, height - i * Part),
                        ["scale"] = 1,
                    },
                });
                await File.WriteAllBytesAsync(
                    Path.Combine(folder, $"{name} {i + 1}.png"), picture.GetProperty("data").GetBytesFromBase64());
            }
        }
    }

    public Task<JsonElement> SendAsync(string method, JsonObject? parameters = null) => browser.SendAsync(session, method, parameters);

    public void Hear(string method, JsonElement parameters)
    {
        if (method == "Runtime.exceptionThrown")
        {
            _errors.Enqueue(parameters.GetProperty("exceptionDetails").GetRawText());
        }
        else if (method == "Log.entryAdded" && parameters.GetProperty("entry") is var entry
            && entry.GetProperty("level").GetString() == "error" && entry.GetProperty("source").GetString() != "network")
        {
            _errors.Enqueue(entry.GetRawText());
        }
    }

    public async ValueTask DisposeAsync()
    {
        browser.Close(session);
        await browser.SendAsync(null, "Target.closeTarget", new() { ["targetId"] = target });
    }
}

[CollectionDefinition(nameof(Browser))]
public sealed class SharedBrowser : ICollectionFixture<Browser>;
