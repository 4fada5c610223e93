using System.Globalization;
using System.Threading.RateLimiting;
using Chaos.Histories;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind;
using WriteBehind.Caching;
using WriteBehind.RateLimits;

namespace Chaos.Workers;

/// <summary>The callers of one worker: each makes one call after the other, drawn from the seed, and notes what it was told.</summary>
internal sealed class Load(IServiceProvider services, WorkerSettings settings, HistoryWriter history) : IDisposable
{
    private const int Callers = 8;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stop = new();
    private readonly IWriteBehindEngine _engine = services.GetRequiredService<IWriteBehindEngine>();
    private readonly ICache _cache = services.GetRequiredKeyedService<ICache>("facts");
    private readonly RateLimiter _limiter = services.GetRequiredService<IRateLimits>().For("calls", "all");
    private readonly NpgsqlDataSource _direct = NpgsqlDataSource.Create(settings.Direct);
    private int _drawn;

    private IEntityStore<Chain> Chains => _engine.Store<Chain>();

    private IEntityStore<Register> Registers => _engine.Store<Register>();

    private IEntityStore<Sum> Sums => _engine.Store<Sum>();

    private long Generation => (Clock.Now - settings.Epoch) / Clock.Ticks(Terms.Generation);

    public Task RunAsync(CancellationToken stopping)
    {
        stopping.Register(Stop);
        return Task.WhenAll(
            Enumerable.Range(0, Callers)
                .Select(caller => Task.Run(() => CallAsync(new Random((settings.Seed * 31) + caller)), CancellationToken.None))
                .Append(Task.Run(FlushAsync, CancellationToken.None)));
    }

    public void Stop() => _stop.Cancel();

    public void Dispose()
    {
        _stop.Dispose();
        _direct.Dispose();
    }

    private async Task CallAsync(Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            await CallOnceAsync(random);
            await PauseAsync(LongestPause * random.NextDouble());
        }
    }

    private async Task FlushAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await PauseAsync(TimeSpan.FromSeconds(1));
            await NoteAsync(Operations.FlushAll, "", "", FlushAllAsync);
        }
    }

    private async Task PauseAsync(TimeSpan time)
    {
        try
        {
            await Task.Delay(time, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop ends.
        }
    }

    private Task CallOnceAsync(Random random)
    {
        var slot = random.Next(Terms.Slots);
        var key = string.Create(CultureInfo.InvariantCulture, $"{slot}-{Generation}");
        return random.Next(100) switch
        {
            < 20 => AppendAsync($"list-{key}", Next(), Chains, Operations.Append),
            < 24 => AppendAsync($"list-{key}", Next(), Chains.With(WriteStrategy.Through), Operations.AppendThrough),
            < 33 => ReadListAsync($"list-{key}"),
            < 43 => AppendOnceAsync($"once-{key}", Next(), random),
            < 53 => PutAsync($"register-{key}", Next()),
            < 62 => ReadAsync($"register-{key}"),
            < 67 => SwapAsync($"register-{key}"),
            < 69 => NoteAsync(Operations.Delete, $"register-{key}", "", () => DoAsync(Registers.DeleteAsync($"register-{key}"))),
            < 77 => AddAsync($"sum-{key}", random.Next(1, 50)),
            < 86 => PutAndDeleteAsync($"gone-{Next()}", random.Next(300)),
            < 88 => RaiseAsync($"raised-{Next()}"),
            < 93 => NoteAsync(Operations.ReadCache, $"fact-{slot}", "", () => ReadCacheAsync($"fact-{slot}")),
            < 94 => NoteAsync(Operations.RemoveFromCache, $"fact-{slot}", "", () => DoAsync(_cache.RemoveAsync($"fact-{slot}"))),
            _ => NoteAsync(Operations.Acquire, "calls", "", AcquireAsync),
        };
    }

    /// <summary>A text that no other call has.</summary>
    private string Next() => string.Create(CultureInfo.InvariantCulture, $"{settings.Name}.{Interlocked.Increment(ref _drawn)}");

    private Task<Outcome> AppendAsync(string key, string element, IEntityStore<Chain> chains, string operation)
        => NoteAsync(operation, key, element, async () =>
        {
            var count = CountOf(await chains.UpdateAsync(key, chain => Chain.With(chain, element)));
            return operation == Operations.Append ? Text(count) : $"{count}/{await CountOfRowAsync(key) ?? count}";
        });

    private Task<Outcome> ReadListAsync(string key) => NoteAsync(Operations.ReadList, key, "", async () =>
    {
        var chain = await Chains.GetAsync(key);
        return chain is null ? "0/" : $"{CountOf(chain)}/{chain.State.Items.Split(',')[^1]}";
    });

    /// <summary>
    /// Repeats until it is answered, as callers with an operation id do, and sometimes once more, which must change nothing; or until it is
    /// told that nobody can tell any more whether it counted, which is the same the next time.
    /// </summary>
    private async Task AppendOnceAsync(string key, string element, Random random)
    {
        var operation = OperationId.New();
        var (repeats, deadline, isForgotten) = (random.Next(3), Clock.Now + Clock.Ticks(Patience), false);
        for (var left = repeats; left >= 0 && !isForgotten && Clock.Now < deadline && !_stop.IsCancellationRequested;)
        {
            var outcome = await history.NoteAsync(
                Operations.AppendOnce,
                key,
                element,
                async () => Encoding(await Chains.UpdateAsync(
                    key, operation, chain => Chain.With(chain, element), static chain => BitConverter.GetBytes(CountOf(chain!)))),
                error =>
                {
                    isForgotten = error is OperationForgottenException;
                    return OutcomeOf(error);
                },
                IsExpected);
            left -= outcome == Outcome.Ok ? 1 : 0;
            await PauseAsync(TimeSpan.FromMilliseconds(20));
        }

        static string Encoding(OperationAnswer answer) => Text(BitConverter.ToInt32(answer.Result.Span));
    }

    private Task<Outcome> PutAsync(string key, string value)
        => NoteAsync(Operations.Put, key, value, () => DoAsync(Registers.SetAsync(key, new Register(value))));

    private Task<Outcome> ReadAsync(string key)
        => NoteAsync(Operations.Read, key, "", async () => (await Registers.GetAsync(key))?.State.Value ?? "");

    private async Task SwapAsync(string key)
    {
        Entity<Register>? found = null;
        await NoteAsync(Operations.Read, key, "", async () => (found = await Registers.GetAsync(key))?.State.Value ?? "");
        if (found is not null)
        {
            var value = Next();
            await NoteAsync(Operations.Swap, key, $"{found.State.Value}>{value}", () => DoAsync(
                Registers.SetAsync(key, new Register(value), expectedVersion: found.Version)));
        }
    }

    private Task<Outcome> AddAsync(string key, int amount) => NoteAsync(
        Operations.Add, key, Text(amount), () => DoAsync(Sums.UpdateAsync(key, sum => new Sum((sum?.Value ?? 0) + amount))));

    /// <summary>An entity that is deleted shortly after, by which time a flush of it may be under way, and never written again.</summary>
    private async Task PutAndDeleteAsync(string key, int pause)
    {
        var put = await NoteAsync(Operations.Put, key, key, () => DoAsync(Registers.SetAsync(key, new Register(key))));
        if (put != Outcome.Ok)
        {
            return;
        }

        await PauseAsync(TimeSpan.FromMilliseconds(pause));
        await NoteAsync(Operations.DeleteForGood, key, "", () => DoAsync(Registers.DeleteAsync(key)));
    }

    /// <summary>
    /// Another program raises a row to the version of a write that is not flushed yet. That write is told of in a dead letter, or (where it
    /// was flushed first) overwritten, which is not noted.
    /// </summary>
    private async Task RaiseAsync(string key)
    {
        if (await TryAsync(Registers.With(WriteStrategy.Through).SetAsync(key, new Register("first"))) is null)
        {
            return;
        }

        await NoteAsync(Operations.WriteRaised, key, "second", async () =>
        {
            await Registers.SetAsync(key, new Register("second"));
            await using var raise = _direct.CreateCommand(
                "UPDATE registers SET version = version + 1, \"Value\" = 'raised' WHERE id = $1 AND version = 1");
            raise.Parameters.AddWithValue(key);
            return Text(await raise.ExecuteNonQueryAsync());
        });
    }

    private static async Task<long?> TryAsync(Task<long> call)
    {
        try
        {
            return await call;
        }
        catch (WriteBehindException)
        {
            return null;
        }
    }

    /// <summary>The value is the time before it is loaded.</summary>
    private async Task<string> ReadCacheAsync(string key)
        => await _cache.GetOrLoadAsync(
            key,
            static async token =>
            {
                var before = Text(Clock.Now);
                await Task.Delay(TimeSpan.FromMilliseconds(5), token);
                return before;
            }) ?? "";

    private async Task<string> AcquireAsync()
    {
        using var lease = await _limiter.AcquireAsync();
        return lease.IsAcquired ? "yes" : "no";
    }

    private async Task<string> FlushAllAsync()
    {
        var report = await _engine.FlushAllAsync(TimeSpan.FromSeconds(2));
        if (!report.IsClean || report.Rejected.Count > 0 || report.Paused.Count > 0)
        {
            throw new FlushLeftException();
        }

        var generation = Generation;
        await using var command = _direct.CreateCommand(
            "SELECT id, array_length(string_to_array(\"Items\", ','), 1) FROM chains WHERE id LIKE $1 OR id LIKE $2");
        command.Parameters.AddWithValue($"%-{generation}");
        command.Parameters.AddWithValue($"%-{generation - 1}");
        await using var reader = await command.ExecuteReaderAsync();
        var rows = Enumerable.Range(0, Terms.Slots)
            .SelectMany(slot => new[] { $"list-{slot}-{generation - 1}", $"once-{slot}-{generation - 1}" })
            .ToDictionary(static key => key, static _ => 0);
        while (await reader.ReadAsync())
        {
            rows[reader.GetString(0)] = reader.GetInt32(1);
        }

        return string.Join(';', rows.Select(static row => $"{row.Key}={row.Value}"));
    }

    private async Task<int?> CountOfRowAsync(string key)
    {
        try
        {
            await using var command = _direct.CreateCommand(
                "SELECT array_length(string_to_array(\"Items\", ','), 1) FROM chains WHERE id = $1");
            command.Parameters.AddWithValue(key);
            return (int?)await command.ExecuteScalarAsync() ?? 0;
        }
        catch (NpgsqlException)
        {
            // It was there; it is away now.
            return null;
        }
    }

    private static int CountOf(Entity<Chain>? chain) => chain is null ? 0 : CountOf(chain.State);

    private static int CountOf(Chain chain) => chain.Items.AsSpan().Count(',') + 1;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<string> DoAsync(Task call)
    {
        await call;
        return "";
    }

    private Task<Outcome> NoteAsync(string operation, string key, string value, Func<Task<string>> call)
        => history.NoteAsync(operation, key, value, call, OutcomeOf, IsExpected);

    /// <summary>What callers may take an error for. Where one says nothing about it, nobody knows.</summary>
    private static Outcome OutcomeOf(Exception error) => error switch
    {
        BufferUnavailableException e => e.OutcomeUnknown ? Outcome.Unknown : Outcome.Failed,
        WriteConflictException or BufferFullException or StaleRowException or SinkException => Outcome.Failed,
        WriteThroughException => Outcome.Ok,
        _ => Outcome.Unknown,
    };

    private static bool IsExpected(Exception error)
        => error is WriteBehindException or FlushLeftException or NpgsqlException or OperationCanceledException;

    private sealed class FlushLeftException : Exception;
}
