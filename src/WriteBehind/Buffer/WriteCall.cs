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

    /// <summary>The requests of each shard, by their index.</summary>
    private readonly IGrouping<int, int>[] _sections;

    public WriteCall(IReadOnlyList<WriteRequest> requests, KeyLayout layout, ShardEpochs epochs, string candidateEpoch, long shardLimit, TimeSpan fenceTime)
    {
        (_requests, _epochs) = (requests, epochs);
        _sections = [.. Enumerable.Range(0, requests.Count).GroupBy(i => layout.ShardOf(requests[i].Id))];
        Keys = new RedisKey[(3 * _sections.Length) + (2 * requests.Count)];
        Arguments = new RedisValue[WriteScript.Header + (WriteScript.PerSection * _sections.Length) + (WriteScript.PerEntity * requests.Count)];
        (Arguments[0], Arguments[1], Arguments[2], Arguments[3]) = (_sections.Length, candidateEpoch, shardLimit, (long)fenceTime.TotalMilliseconds);
        var (key, argument) = (_sections.Length, WriteScript.Header);
        for (var i = 0; i < _sections.Length; i++)
        {
            Keys[i] = layout[_sections[i].Key].Epoch;
            AddSection(_sections[i], layout[_sections[i].Key], ref key, ref argument);
        }
    }

    public RedisKey[] Keys { get; }

    public RedisValue[] Arguments { get; }

    /// <summary>Whether it touches more than one shard, which a Redis Cluster refuses.</summary>
    public bool IsOverShards => _sections.Length > 1;

    /// <summary>The answers, in the order of the requests.</summary>
    public WriteReply[] Read(RedisResult[] reply)
    {
        var now = (long)reply[0];
        var answers = new WriteReply[_requests.Count];
        var places = new int[_requests.Count];
        var place = 0;
        for (var i = 0; i < _sections.Length; i++)
        {
            var epoch = _epochs.Note(_sections[i].Key, (string)reply[1 + i]!);
            foreach (var request in _sections[i])
            {
                answers[request] = new(WriteStatus.Ok, new Knowledge(_requests[request].Version, now, epoch));
                places[place++] = request;
            }
        }

        for (var at = 1 + _sections.Length; at < reply.Length; at += 4)
        {
            var request = places[(int)reply[at]];
            answers[request] = new(
                ParseStatus((string)reply[at + 1]!), answers[request].Known with { Version = (long)reply[at + 2] }, (string?)reply[at + 3]);
        }

        return answers;
    }

    private void AddSection(IGrouping<int, int> section, ShardKeys keys, ref int key, ref int argument)
    {
        var writers = _epochs[section.Key] ?? string.Empty;
        (Keys[key++], Keys[key++]) = (keys.Dirty, keys.Dead);
        Arguments[argument++] = writers;
        Arguments[argument++] = section.Count();
        foreach (var index in section)
        {
            var id = _requests[index].Id;
            Keys[key++] = keys.Entity(id);
            Keys[key++] = keys.Fence(id);
            Arguments[argument++] = id;
        }

        foreach (var index in section)
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
        _ => throw new InvalidOperationException($"The write script answered '{status}'."),
    };
}
