using System.Buffers;
using System.Collections.Concurrent;
using Orleans.WriteBehind.Tests.Grains;
using Orleans.WriteBehind.Tests.Support;
using WriteBehind;
using WriteBehind.TestTools;
using Stock = Orleans.WriteBehind.Tests.Support.Stock;

namespace Orleans.WriteBehind.Tests;

/// <summary>
/// Calls of a grain share loads, saves and the flush timer. These run in the context of none of them: what a call carries along (its
/// tenant, its trace) is its own.
/// </summary>
public sealed class CallContextTests
{
    private const string Tenant = "tenant";

    [Fact]
    public async Task Loads_saves_and_flushes_of_a_grain_run_in_the_context_of_no_call()
    {
        var seen = new ConcurrentQueue<string?>();
        await using var cluster = await GrainCluster.StartAsync(new()
        {
            FlushDelay = TimeSpan.FromMilliseconds(100),
            Entities = entity =>
            {
                if (entity is EntityTypeOptions<Stock> stock)
                {
                    stock.Serializer = new SeenSerializer(() => seen.Enqueue((string?)RequestContext.Get(Tenant)));
                }
            },
        });
        cluster.Sink.BeforeSave = _ =>
        {
            seen.Enqueue((string?)RequestContext.Get(Tenant));
            return Task.CompletedTask;
        };
        var grain = cluster.Grain<IStockGrain>("sku");
        RequestContext.Set(Tenant, "somebody's");
        await grain.AddAsync(1);
        await grain.DeactivateAsync(DeactivationReasonCode.ApplicationError);
        await Eventually.TrueAsync(async () => await grain.AddAsync(1) >= 2);

        await Eventually.TrueAsync(async () => !(await grain.InfoAsync()).IsDirty);

        Assert.True(seen.Count >= 4, $"{seen.Count} were seen");
        Assert.All(seen, Assert.Null);
    }

    private sealed class SeenSerializer(Action see) : IStateSerializer<Stock>
    {
        private readonly JsonStateSerializer<Stock> _json = new();

        public byte Format => _json.Format;

        public void Serialize(Stock state, IBufferWriter<byte> output)
        {
            see();
            _json.Serialize(state, output);
        }

        public Stock Deserialize(ReadOnlySpan<byte> body)
        {
            see();
            return _json.Deserialize(body);
        }
    }
}
