using System.Buffers;
using BenchmarkDotNet.Attributes;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Buffer;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>What it costs a write that only states are acknowledged that come back, once the first of a type were read back.</summary>
public abstract class StateProof<TState>(TState state)
    where TState : class
{
    private readonly JsonStateSerializer<TState> _serializer = new();
    private readonly PayloadCodec<TState> _codec = new(new EntityTypeOptions<TState>("state"));
    private readonly ArrayBufferWriter<byte> _writer = new(1024);

    [GlobalSetup]
    public void SetUp()
    {
        for (var i = 0; i < 100; i++)
        {
            _codec.Encode("a", state);
        }
    }

    [Benchmark(Baseline = true, Description = "serializer alone")]
    public byte[] Write()
    {
        _writer.ResetWrittenCount();
        _serializer.Serialize(state, _writer);
        return _writer.WrittenSpan.ToArray();
    }

    [Benchmark(Description = "encode")]
    public byte[] Encode() => _codec.Encode("a", state);
}

/// <summary>A contract without doubts.</summary>
public class ProofOfProduct() : StateProof<Product>(Product.New("product-0000001"));

/// <summary>A contract without doubts, with a dictionary, whose comparer is looked at.</summary>
public class ProofOfCounts() : StateProof<ProofOfCounts.State>(
    new(Enumerable.Range(0, 10).ToDictionary(static number => $"key {number}")))
{
    public sealed record State(Dictionary<string, int> Counts);
}

/// <summary>A field of its own is a doubt: every state is read back.</summary>
public class ProofOfHiding() : StateProof<ProofOfHiding.State>(new() { Name = "any", Count = 7 })
{
    public sealed class State
    {
        private int _changes;

        public string? Name { get; set; }

        public int Count { get; set; }

        public void Change() => _changes++;
    }
}
