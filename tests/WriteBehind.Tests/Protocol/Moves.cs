using System.Runtime.InteropServices;

namespace WriteBehind.Tests.Protocol;

/// <summary>What can happen next, each with the state that it leads to.</summary>
internal sealed class Moves
{
    private readonly List<World> _worlds = [];
    private readonly List<Move> _moves = [];

    public int Count => _worlds.Count;

    public void Add(string text, int number, in World next)
    {
        _moves.Add(new Move(text, number));
        _worlds.Add(next);
    }

    public Move MoveAt(int index) => _moves[index];

    public ref readonly World WorldAt(int index) => ref CollectionsMarshal.AsSpan(_worlds)[index];

    public void Clear()
    {
        _moves.Clear();
        _worlds.Clear();
    }
}
