using System.Text.Json;
using BenchmarkDotNet.Attributes;
using WriteBehind.Benchmarks.Model;
using WriteBehind.Buffer;

namespace WriteBehind.Benchmarks.Micro;

/// <summary>States to payloads and back.</summary>
public class Serializer
{
    private readonly Product _product = Product.New("product-0000001");
    private readonly PayloadCodec<Product> _codec = new(new EntityTypeOptions<Product>("product"));
    private byte[] _payload = [];

    [GlobalSetup]
    public void SetUp() => _payload = _codec.Encode(_product.Id, _product);

    [Benchmark(Baseline = true, Description = "JsonSerializer alone")]
    public byte[] Json() => JsonSerializer.SerializeToUtf8Bytes(_product);

    [Benchmark(Description = "encode")]
    public byte[] Encode() => _codec.Encode(_product.Id, _product);

    [Benchmark(Description = "decode")]
    public Product Decode() => _codec.Decode(_product.Id, _payload);
}
