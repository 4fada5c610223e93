using Npgsql;
using WriteBehind.TestTools.Processes;

namespace Chaos.Faults;

/// <summary>What happens to PostgreSQL.</summary>
internal static class PostgresFaults
{
    private const string Backends = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'process-%' ORDER BY pid";

    public static Lane Of(Place place, IReadOnlyList<string> tables) => new(
        "postgres",
        [
            Fault.Of("postgres-killed", 0, 0.5, async _ =>
            {
                await place.Postgres.KillAsync();
                return place.Postgres.RestartAsync;
            }),
            Fault.Of("postgres-frozen", 0.1, 2.5, async _ =>
            {
                await place.Postgres.FreezeAsync();
                return place.Postgres.ThawAsync;
            }),
            Fault.Of("postgres-backends-killed", 0, 0.1, async _ =>
            {
                await place.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM ({Backends}) AS b");
                return static () => Task.CompletedTask;
            }),
            Fault.Of("postgres-backends-frozen", 0.2, 4, random => FreezeBackendsAsync(place, random)),
            Fault.Of("postgres-tables-locked", 0.1, 1.5, random => HoldAsync(
                place, $"LOCK TABLE {tables[random.Next(tables.Count)]} IN ACCESS EXCLUSIVE MODE")),
            Fault.Of("postgres-rows-locked", 0.1, 1.5, random => HoldAsync(
                place, $"SELECT FROM {tables[random.Next(tables.Count)]} ORDER BY version LIMIT 50 FOR UPDATE")),
            Fault.Of("postgres-read-only", 0.1, 1, _ => SetAsync(place, "default_transaction_read_only", "on", "off")),
            Fault.Of("postgres-commits-hang", 0.2, 4, _ => SetAsync(
                place, "synchronous_standby_names", "nobody", place.StandbyNames)),
            Fault.Of("postgres-connections-exhausted", 0.1, 1, _ => ExhaustAsync(place)),
        ],
        TimeSpan.FromMilliseconds(600),
        place.PostgresTurn);

    private static async Task<Func<Task>> FreezeBackendsAsync(Place place, Random random)
    {
        var backends = await place.ReadAsync(Backends, static row => row.GetInt32(0));
        List<int> some = [.. backends.Where(_ => random.Next(2) == 0)];
        some.ForEach(static backend => Posix.Signal(backend, Posix.SigStop));
        return () =>
        {
            some.ForEach(static backend => Posix.Signal(backend, Posix.SigCont));
            return Task.CompletedTask;
        };
    }

    private static async Task<Func<Task>> HoldAsync(Place place, string sql)
    {
        var connection = await place.OpenAsync();
        try
        {
            await using var command = new NpgsqlCommand($"BEGIN; {sql}", connection);
            await command.ExecuteNonQueryAsync();
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }

        return () => connection.DisposeAsync().AsTask();
    }

    private static async Task<Func<Task>> SetAsync(Place place, string setting, string bad, string good)
    {
        await ChangeAsync(place, $"ALTER SYSTEM SET {setting} = '{bad}'");
        return () => ChangeAsync(place, $"ALTER SYSTEM SET {setting} = '{good}'");
    }

    private static async Task ChangeAsync(Place place, string sql)
    {
        await place.ExecuteAsync(sql);
        await place.ExecuteAsync("SELECT pg_reload_conf()");
    }

    private static async Task<Func<Task>> ExhaustAsync(Place place)
    {
        var held = new List<NpgsqlConnection>();
        try
        {
            while (held.Count < 100)
            {
                held.Add(await place.OpenAsync());
            }
        }
        catch (NpgsqlException)
        {
            // There are no more.
        }

        return async () =>
        {
            foreach (var connection in held)
            {
                await connection.DisposeAsync();
            }
        };
    }
}
