using System.Numerics;

namespace WriteBehind.Tests.Protocol;

/// <summary>
/// The states found so far, each with the one it was reached from, in the order they were found. A hash set that gives out numbers.
/// </summary>
internal sealed class WorldSet
{
    private World[] _worlds = new World[1 << 12];
    private int[] _parents = new int[1 << 12];

    // Open addressing; holds number + 1, 0 is free. Twice as many places as states at least.
    private int[] _places = new int[1 << 13];

    public int Count { get; private set; }

    public ref readonly World this[int number] => ref _worlds[number];

    public int ParentOf(int number) => _parents[number];

    /// <summary>Adds a state unless it is there.</summary>
    public void Add(in World world, int parent)
    {
        var place = PlaceOf(world);
        if (_places[place] != 0)
        {
            return;
        }

        if (Count == _worlds.Length)
        {
            Grow();
            place = PlaceOf(world);
        }

        _worlds[Count] = world;
        _parents[Count] = parent;
        _places[place] = ++Count;
    }

    private int PlaceOf(in World world)
    {
        var words = World.AsWords(in world);
        var mask = _places.Length - 1;
        var place = Hash(words) & mask;
        while (_places[place] != 0 && !words.SequenceEqual(World.AsWords(in _worlds[_places[place] - 1])))
        {
            place = (place + 1) & mask;
        }

        return place;
    }

    private static int Hash(ReadOnlySpan<ulong> words)
    {
        var hash = 0UL;
        foreach (var word in words)
        {
            hash = (BitOperations.RotateLeft(hash, 5) ^ word) * 0x9E3779B97F4A7C15;
        }

        return (int)(hash >> 33);
    }

    private void Grow()
    {
        Array.Resize(ref _worlds, _worlds.Length * 2);
        Array.Resize(ref _parents, _parents.Length * 2);
        _places = new int[_places.Length * 2];
        for (var i = 0; i < Count; i++)
        {
            _places[PlaceOf(_worlds[i])] = i + 1;
        }
    }
}
