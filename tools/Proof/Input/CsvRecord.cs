namespace Proof.Input;

/// <summary>One record of a CSV file.</summary>
/// <param name="Line">The line it begins at, from 1.</param>
/// <param name="Fields">Its fields; empty where it is malformed.</param>
/// <param name="Problem">What is wrong with it; null where nothing is.</param>
public sealed record CsvRecord(int Line, IReadOnlyList<string> Fields, string? Problem = null);
