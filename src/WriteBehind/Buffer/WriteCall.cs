using System.Globalization;
using StackExchange.Redis;
using WriteBehind.Buffer.Scripts;

namespace WriteBehind.Buffer;

/// <summary>
/// One call of the write script: its keys and arguments, and what its reply says of each request. The requests of a shard stand together
/// there, in the order they came in.
/// </summary>
internal sealed class WriteCall
{
    private readonly IReadOnlyList<WriteRequest> _requests;
    private readonly ShardEpochs _epochs;

    /// <summary>The shard of each section.</summary>
    private readonly List<int> _sections = [];

    /// <summary>Which request stands at each place, and in which section.</summary>
    private readonly (int Request, int Section)[] _places;

    public WriteCall(IReadOnlyList<WriteRequest> requests, KeyLayout layout, ShardEpochs epochs, string candidateEpoch, long shardLimit, TimeSpan fenceTime)
    {
        (_requests, _epochs) = (requests, epochs);
        var shards = new int[requests.Count];
        var order = new int[requests.Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;

            // With the place in it a key is unique, so that an unstable sort keeps the order within a shard.
            shards[i] = (layout.ShardOf(requests[i].Id) * requests.Count) + i;
        }

        Array.Sort(shards, order);
        _places = new (int, int)[order.Length];
        for (var i = 0; i < order.Length; i++)
        {
            var shard = shards[i] / requests.Count;
            if (_sections.Count == 0 || _sections[^1] != shard)
            {
                _sections.Add(shard);
            }

            _places[i] = (order[i], _sections.Count - 1);
        }

        Keys = new RedisKey[(3 * _sections.Count) + (2 * requests.Count)];
        Arguments = new RedisValue[WriteScript.Header + (WriteScript.PerSection * _sections.Count) + (WriteScript.PerEntity * requests.Count)];
        (Arguments[0], Arguments[1], Arguments[2], Arguments[3]) = (_sections.Count, candidateEpoch, shardLimit, (long)fenceTime.TotalMilliseconds);
        var (key, argument) = (_sections.Count, WriteScript.Header);
        for (var first = 0; first < _places.Length;)
        {
            var section = _places[first].Section;
            var end = first + 1;
            while (end < _places.Length && _places[end].Section == section)
            {
                end++;
            }

            AddSection(section, layout[_sections[section]], _places.AsSpan(first, end - first), ref key, ref argument);
            first = end;
        }
    }

    public RedisKey[] Keys { get; }

    public RedisValue[] Arguments { get; }

    /// <summary>Whether it touches more than one shard, which a Redis Cluster refuses.</summary>
    public bool IsOverShards => _sections.Count > 1;

    /// <summary>The answers, in the order of the requests.</summary>
    public WriteReply[] Read(RedisResult[] reply)
    {
        var now = (long)reply[0];
        var epochs = new string[_sections.Count];
        for (var i = 0; i < epochs.Length; i++)
        {
            epochs[i] = _epochs.Note(_sections[i], (string)reply[1 + i]!);
        }

        var answers = new WriteReply[_requests.Count];
        foreach (var (request, section) in _places)
        {
            answers[request] = new(WriteStatus.Ok, new Knowledge(_requests[request].Version, now, epochs[section]));
        }

        for (var at = 1 + epochs.Length; at < reply.Length; at += 4)
        {
            var (request, section) = _places[(int)reply[at]];
            answers[request] = new(
                ParseStatus((string)reply[at + 1]!), new Knowledge((long)reply[at + 2], now, epochs[section]), (string?)reply[at + 3]);
        }

        return answers;
    }

    private void AddSection(int section, ShardKeys keys, ReadOnlySpan<(int Request, int Section)> places, ref int key, ref int argument)
    {
        var writers = _epochs[_sections[section]] ?? string.Empty;
        Keys[section] = keys.Epoch;
        (Keys[key++], Keys[key++]) = (keys.Dirty, keys.Dead);
        Arguments[argument++] = writers;
        Arguments[argument++] = places.Length;
        foreach (var (index, _) in places)
        {
            var id = _requests[index].Id;
            Keys[key++] = keys.Entity(id);
            Keys[key++] = keys.Fence(id);
            Arguments[argument++] = id;
        }

        foreach (var (index, _) in places)
        {
            var request = _requests[index];
            Arguments[argument++] = request.Known.Version;
            Arguments[argument++] = request.Version;
            Arguments[argument++] = request.Known.Epoch == writers ? request.Known.KnownAt : 0;
            Arguments[argument++] = request.Nonce;
            Arguments[argument++] = request.Payload ?? RedisValue.EmptyString;
        }
    }

    private static WriteStatus ParseStatus(string status) => status switch
    {
        "conflict" => WriteStatus.Conflict,
        "full" => WriteStatus.Full,
        "unconfirmed" => WriteStatus.Unconfirmed,
        "error" => WriteStatus.Error,
        _ => throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The write script answered '{status}'.")),
    };
}
