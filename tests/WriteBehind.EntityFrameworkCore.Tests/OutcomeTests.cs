using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using WriteBehind.EntityFrameworkCore.Tests.Models;
using WriteBehind.EntityFrameworkCore.Tests.Support;

namespace WriteBehind.EntityFrameworkCore.Tests;

/// <summary>What is reported as done is done, whatever triggers, policies and interceptors make of it. A database per test.</summary>
public sealed class OutcomeTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly Database _database = new();

    private SinkHost<TestContext> Host => _database.Host;

    public Task InitializeAsync() => _database.InitializeAsync();

    public ValueTask DisposeAsync() => _database.DisposeAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    [Theory]
    [InlineData("INSERT")]
    [InlineData("UPDATE")]
    public async Task A_key_that_a_trigger_rewrites_is_not_reported_as_saved(string when)
    {
        await RewriteKeysAsync("counters", "\"Name\"", when);
        await RewriteKeysAsync("write_behind_documents", "id", when);
        await RewriteKeysAsync("orders", "\"Id\"", when);
        await AssertRewrittenAsync(Host.Sink<Counter>(), new Counter(), when);
        await AssertRewrittenAsync(Host.Sink<Game>(), new Game("t", 1, []), when);
        await AssertRewrittenAsync(Host.Sink<Order>(), new Order { Customer = "c" }, when);
    }

    [Fact]
    public async Task A_delete_that_row_level_security_hides_is_not_reported_as_done()
    {
        foreach (var table in (string[])["counters", "write_behind_documents", "orders"])
        {
            await Host.ExecuteAsync($"""
                ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                CREATE POLICY mine ON {table} USING (current_setting('app.all', true) = 'yes') WITH CHECK (true);
                """);
        }

        await using var host = await RestrictedAsync("hidden");
        await AssertHiddenAsync(Host.Sink<Counter>(), host.Sink<Counter>(), new Counter());
        await AssertHiddenAsync(Host.Sink<Game>(), host.Sink<Game>(), new Game("t", 1, []));
        await AssertHiddenAsync(Host.Sink<Order>(), host.Sink<Order>(), new Order { Customer = "c" });
    }

    [Fact]
    public async Task Under_a_policy_that_shows_everything_a_row_that_is_not_there_is_known_to_be_deleted()
    {
        await using var host = await RestrictedAsync("open");
        foreach (var table in (string[])["counters", "orders"])
        {
            await Host.ExecuteAsync($"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY everything ON {table} USING (true)");
        }

        Assert.Equal(SaveOutcome.AlreadyThere, (await host.Sink<Counter>().DeleteAsync("never", 1)).Outcome);
        Assert.Equal(SaveOutcome.AlreadyThere, (await host.Sink<Order>().DeleteAsync("never", 1)).Outcome);
        await Host.ExecuteAsync("CREATE POLICY but ON counters AS RESTRICTIVE USING (\"Value\" > 0)");
        Assert.Equal(SaveOutcome.Rejected, (await host.Sink<Counter>().DeleteAsync("never", 1)).Outcome);
    }

    [Fact]
    public async Task A_delete_that_an_interceptor_makes_an_update_of_is_not_reported_as_done()
    {
        await using var host = WithInterceptor(new SoftDelete());
        var sink = host.Sink<Article>();
        await sink.PutAsync("1", 1, new Article { Title = "kept" });
        var error = await Assert.ThrowsAsync<SinkException>(() => sink.DeleteAsync("1", 2));

        Assert.Equal((SinkFailure.Entity, false), (error.Failure, error.OutcomeUnknown));
        Assert.Contains("interceptor", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, Assert.NotNull(await sink.FindAsync("1")).Version);

        // The bulk path runs no interceptors: there a delete is one.
        await host.Sink<Counter>().PutAsync("a", 1, new Counter());
        Assert.Equal(SaveOutcome.Applied, (await host.Sink<Counter>().DeleteAsync("a", 2)).Outcome);
    }

    [Fact]
    public async Task A_save_that_an_interceptor_suppresses_is_not_reported_as_done()
    {
        await using var host = WithInterceptor(new Suppression());
        var error = await Assert.ThrowsAsync<SinkException>(() => host.Sink<Article>().PutAsync("1", 1, new Article()));
        Assert.Equal(SinkFailure.Entity, error.Failure);
        await Host.Sink<Article>().PutAsync("2", 1, new Article());
        Assert.Equal(SaveOutcome.Rejected, await SaveAsync(host.Sink<Article>(), new SaveItem<Article>("2", 2, new Article())));
        Assert.Equal(SaveOutcome.Rejected, await SaveAsync(host.Sink<Article>(), new SaveItem<Article>("2", 3, null)));
    }

    [Fact]
    public async Task What_an_interceptor_adds_is_saved_with_the_entity()
    {
        await using var host = WithInterceptor(new Audit());
        await host.Sink<Article>().PutAsync("1", 1, new Article());
        Assert.Equal(1, await Host.ScalarAsync<long>("SELECT count(*) FROM counters WHERE \"Name\" = 'audit'"));
    }

    [Theory]
    [InlineData("articles", "1")]
    [InlineData("counters", "1")]
    public async Task A_delete_that_a_trigger_leaves_out_is_an_entity_s_fault_on_both_ways(string table, string id)
    {
        await Host.ExecuteAsync($"""
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER keep BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION keep();
            """);
        if (table == "articles")
        {
            await Host.Sink<Article>().PutAsync(id, 1, new Article());
            Assert.Equal(SaveOutcome.Rejected, await SaveAsync(Host.Sink<Article>(), new SaveItem<Article>(id, 2, null)));
        }
        else
        {
            await Host.Sink<Counter>().PutAsync(id, 1, new Counter());
            Assert.Equal(SaveOutcome.Rejected, (await Host.Sink<Counter>().DeleteAsync(id, 2)).Outcome);
        }
    }

    private Task RewriteKeysAsync(string table, string key, string when) => Host.ExecuteAsync($"""
        CREATE FUNCTION rewrite_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.{key} = lower(NEW.{key}); RETURN NEW; END $$;
        CREATE TRIGGER rewrite BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION rewrite_{table}();
        ALTER TABLE {table} DISABLE TRIGGER rewrite;
        """);

    private async Task AssertRewrittenAsync<TState>(IEntitySink<TState> sink, TState state, string when)
        where TState : class
    {
        var table = typeof(TState) == typeof(Counter) ? "counters" : typeof(TState) == typeof(Game) ? "write_behind_documents" : "orders";
        if (when == "UPDATE")
        {
            await sink.PutAsync("UPPER", 1, state);
        }

        await Host.ExecuteAsync($"ALTER TABLE {table} ENABLE TRIGGER rewrite");
        var outcome = await SaveAsync(sink, new SaveItem<TState>("UPPER", 2, state));
        Assert.Equal(SaveOutcome.Rejected, outcome);
        Assert.Equal(SaveOutcome.Applied, await SaveAsync(sink, new SaveItem<TState>("other", 1, state)));
    }

    private static async Task AssertHiddenAsync<TState>(IEntitySink<TState> owner, IEntitySink<TState> restricted, TState state)
        where TState : class
    {
        await owner.PutAsync("secret", 1, state);
        Assert.Equal(SaveOutcome.Rejected, await SaveAsync(restricted, new SaveItem<TState>("secret", 2, null)));
        Assert.NotNull(await owner.FindAsync("secret"));
        Assert.Equal(SaveOutcome.Applied, await SaveAsync(owner, new SaveItem<TState>("secret", 2, null)));
        Assert.Equal(SaveOutcome.AlreadyThere, await SaveAsync(owner, new SaveItem<TState>("secret", 2, null)));
    }

    /// <summary>What is thrown for a batch of one is what is said of its entity.</summary>
    private static async Task<SaveOutcome> SaveAsync<TState>(IEntitySink<TState> sink, SaveItem<TState> item)
        where TState : class
    {
        try
        {
            return (await sink.SaveAsync(item)).Single().Outcome;
        }
        catch (SinkException e) when (e.Failure == SinkFailure.Entity)
        {
            return SaveOutcome.Rejected;
        }
    }

    /// <summary>A host whose role owns nothing.</summary>
    private async Task<SinkHost<TestContext>> RestrictedAsync(string role)
    {
        await Host.ExecuteAsync($"""
            DROP ROLE IF EXISTS {role};
            CREATE ROLE {role} LOGIN PASSWORD 'restricted';
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
            """);
        return new SinkHost<TestContext>(
            new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Username = role, Password = "restricted" }.ConnectionString);
    }

    private SinkHost<TestContext> WithInterceptor(IInterceptor interceptor) => new(
        _database.ConnectionString,
        (services, source) => services.AddDbContext<TestContext>(options => options.UseNpgsql(source).AddInterceptors(interceptor)));

    private sealed class SoftDelete : SaveChangesInterceptor
    {
        public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            foreach (var entry in eventData.Context!.ChangeTracker.Entries().Where(entry => entry.State == EntityState.Deleted))
            {
                entry.State = EntityState.Modified;
            }

            return new(result);
        }
    }

    private sealed class Suppression : SaveChangesInterceptor
    {
        public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
            => new(InterceptionResult<int>.SuppressWithResult(1));
    }

    private sealed class Audit : SaveChangesInterceptor
    {
        public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
            DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
        {
            if (!eventData.Context!.ChangeTracker.Entries<Counter>().Any())
            {
                eventData.Context.Add(new Counter { Name = "audit" });
            }

            return new(result);
        }
    }
}
