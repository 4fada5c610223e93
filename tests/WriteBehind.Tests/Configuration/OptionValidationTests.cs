using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using WriteBehind.Tests.Support;

namespace WriteBehind.Tests.Configuration;

public sealed class OptionValidationTests
{
    private static readonly TimeSpan Zero = TimeSpan.Zero;
    private static readonly TimeSpan Negative = TimeSpan.FromSeconds(-1);
    private static readonly TimeSpan TooLong = TimeSpan.FromDays(60);

    private static readonly Dictionary<string, Action<WriteBehindOptions>[]> EngineSettings = new()
    {
        ["KeyPrefix"] =
        [
            o => o.KeyPrefix = "", o => o.KeyPrefix = null!, o => o.KeyPrefix = "a{b}", o => o.KeyPrefix = "Wb",
            o => o.KeyPrefix = "w b",
        ],
        ["ReplicaAcknowledgements"] = [o => o.ReplicaAcknowledgements = -1],
        ["ReplicaTimeout"] = [o => o.ReplicaTimeout = Zero, o => o.ReplicaTimeout = TooLong],
        ["WriteTimeout"] = [o => o.WriteTimeout = Zero, o => o.WriteTimeout = Negative, o => o.WriteTimeout = TooLong],
        ["MaxUpdateRetries"] = [o => o.MaxUpdateRetries = -1],
        ["MaxConcurrentFlushes"] = [o => o.MaxConcurrentFlushes = 0, o => o.MaxConcurrentFlushes = 65],
        ["MaxConcurrentLoads"] = [o => o.MaxConcurrentLoads = 0, o => o.MaxConcurrentLoads = 65],
        ["LoadTimeout"] = [o => o.LoadTimeout = Zero, o => o.LoadTimeout = TooLong],
        ["DrainTimeout"] = [o => o.DrainTimeout = Negative, o => o.DrainTimeout = TooLong],
        ["BackoffStart"] = [o => o.BackoffStart = Zero],
        ["BackoffCap"] = [o => o.BackoffCap = TimeSpan.FromMilliseconds(1), o => o.BackoffCap = TooLong],
        ["WatchInterval"] = [o => o.WatchInterval = Zero, o => o.WatchInterval = TooLong],
    };

    private static readonly Dictionary<string, Action<EntityTypeOptions<Item>>[]> TypeSettings = new()
    {
        ["FlushDelay"] = [o => o.FlushDelay = Zero, o => o.FlushDelay = Negative],
        ["MaxAge"] = [o => o.MaxAge = TimeSpan.FromMilliseconds(999)],
        ["BatchSize"] = [o => o.BatchSize = 0, o => o.BatchSize = 10_001],
        ["MaxBatchDelay"] = [o => o.MaxBatchDelay = Negative, o => o.MaxBatchDelay = TimeSpan.FromSeconds(2)],
        ["Lease"] = [o => o.Lease = TimeSpan.FromSeconds(1.9), o => o.Lease = TooLong],
        ["StatementTimeout"] = [o => o.StatementTimeout = Zero, o => o.StatementTimeout = Negative],
        ["FenceTime"] = [o => o.FenceTime = TimeSpan.FromMilliseconds(99)],
        ["TombstoneFenceTime"] = [o => o.TombstoneFenceTime = TimeSpan.FromMinutes(9)],
        ["MaxDirty"] = [o => o.MaxDirty = 0],
        ["Shards"] = [o => o.Shards = 0, o => o.Shards = 1_025],
        ["AfterFlush"] = [o => o.AfterFlush = (AfterFlush)7],
        ["CacheTtl"] = [o => o.CacheTtl = Zero],
        ["MaxAttempts"] = [o => o.MaxAttempts = 0],
        ["RetryDelay"] = [o => o.RetryDelay = Negative],
        ["MaxPayloadBytes"] = [o => o.MaxPayloadBytes = 0, o => o.MaxPayloadBytes = (256 << 20) + 1],
        ["SchemaVersion"] = [o => o.SchemaVersion = 0, o => o.SchemaVersion = 65_536],
        ["SettleGroup"] = [o => o.SettleGroup = 0, o => o.SettleGroup = 10_001],
        ["OperationTime"] = [o => o.OperationTime = Zero, o => o.OperationTime = TooLong],
        ["MaxOperations"] = [o => o.MaxOperations = 0],
        ["MaxOperationsPerEntity"] = [o => o.MaxOperationsPerEntity = 1],
        ["MaxOperationResultBytes"] = [o => o.MaxOperationResultBytes = -1, o => o.MaxOperationResultBytes = int.MaxValue],
        ["RecentWrites"] = [o => o.RecentWrites = -1],
        ["RecentWriteBytes"] = [o => o.RecentWriteBytes = -1],
        ["Serializer"] = [o => o.Serializer = null!],
        ["WriteStrategy"] = [o => o.WriteStrategy = (WriteStrategy)7],
        ["WriteThroughTimeout"] = [o => o.WriteThroughTimeout = Zero, o => o.WriteThroughTimeout = TooLong],
    };

    public static TheoryData<string, int> EngineCases => Cases(EngineSettings);

    public static TheoryData<string, int> TypeCases => Cases(TypeSettings);

    [Theory]
    [MemberData(nameof(EngineCases))]
    public void A_wrong_setting_of_the_engine_is_named_with_its_value_and_the_fix(string setting, int n)
    {
        var wrong = new WriteBehindOptions();
        EngineSettings[setting][n](wrong);
        var failure = Assert.Single(FailuresOf(engine: EngineSettings[setting][n]));
        Assert.StartsWith($"WriteBehindOptions.{setting} is '{ValueOf(wrong, setting)}': use ", failure, StringComparison.Ordinal);
        Assert.EndsWith(".", failure, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TypeCases))]
    public void A_wrong_setting_of_an_entity_type_is_named_with_its_value_and_the_fix(string setting, int n)
    {
        object? value = null;
        var failure = Assert.Single(FailuresOf(item: o =>
        {
            TypeSettings[setting][n](o);
            value = ValueOf(o, setting);
        }));
        Assert.StartsWith($"{setting} of entity type 'item' is '{value}': use ", failure, StringComparison.Ordinal);
        Assert.EndsWith(".", failure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Item")]
    [InlineData("1tem")]
    [InlineData("it em")]
    [InlineData("it{em}")]
    [InlineData("ïtem")]
    [InlineData("a-name-of-forty-nine-characters-is-one-too-many--")]
    public void A_wrong_type_name_is_refused(string name)
        => Assert.Contains($"Name of entity type '{name}'", Assert.Single(FailuresOf(name: name)), StringComparison.Ordinal);

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var failures = FailuresOf(
            services => services.AddWriteBehind().AddEntity<Item>("item"),
            engine => (engine.DrainTimeout, engine.MaxConcurrentFlushes) = (Negative, 0),
            item => item.BatchSize = 0);
        Assert.Equal(4, failures.Count);
        Assert.Contains(failures, static failure => failure.Contains("'item' is registered 2 times", StringComparison.Ordinal));
    }

    [Fact]
    public void Without_a_redis_it_says_what_to_call()
    {
        var services = new ServiceCollection();
        services.AddWriteBehind();
        Assert.Contains("UseRedis", Assert.Single(FailuresOf(services)), StringComparison.Ordinal);
    }

    [Fact]
    public void The_defaults_are_right() => Assert.Empty(FailuresOf());

    [Fact]
    public void No_setting_is_left_unvalidated()
    {
        Assert.Equal(SettableOf(typeof(WriteBehindOptions)), EngineSettings.Keys.Order());
        Assert.Equal(SettableOf(typeof(EntityTypeOptions<Item>)), TypeSettings.Keys.Order());
    }

    private static IEnumerable<string> SettableOf(Type options) => options.GetProperties()
        .Where(static property => property.CanWrite && property.PropertyType != typeof(bool))
        .Select(static property => property.Name)
        .Order();

    private static TheoryData<string, int> Cases<T>(Dictionary<string, Action<T>[]> settings)
    {
        var cases = new TheoryData<string, int>();
        foreach (var (setting, wrong) in settings)
        {
            for (var n = 0; n < wrong.Length; n++)
            {
                cases.Add(setting, n);
            }
        }

        return cases;
    }

    private static object? ValueOf(object options, string setting)
        => options.GetType().GetProperty(setting, BindingFlags.Instance | BindingFlags.Public)!.GetValue(options);

    private static IReadOnlyList<string> FailuresOf(
        Action<IServiceCollection>? more = null, Action<WriteBehindOptions>? engine = null,
        Action<EntityTypeOptions<Item>>? item = null, string name = "item")
    {
        var services = new ServiceCollection();
        services.AddWriteBehind(engine).UseRedis("localhost").AddEntity(name, item);
        more?.Invoke(services);
        return FailuresOf(services);
    }

    private static IReadOnlyList<string> FailuresOf(IServiceCollection services)
    {
        using var provider = services.BuildServiceProvider();
        var error = Record.Exception(() => provider.GetRequiredService<IOptions<WriteBehindOptions>>().Value);
        return error is null ? [] : [.. Assert.IsType<OptionsValidationException>(error).Failures];
    }
}
