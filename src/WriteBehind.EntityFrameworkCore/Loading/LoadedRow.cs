namespace WriteBehind.EntityFrameworkCore.Loading;

/// <summary>A row as a query gives it: the state, its version, and its key as the model has it.</summary>
internal sealed class LoadedRow<TState>
{
    public required TState State { get; init; }

    public required long Version { get; init; }

    public required object[] Key { get; init; }
}
