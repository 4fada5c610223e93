using WriteBehind.EntityFrameworkCore.Sql;

namespace WriteBehind.EntityFrameworkCore.Saving;

/// <summary>A way of saving batches: in bulk, or through SaveChanges.</summary>
internal interface ISaver<TState>
    where TState : class
{
    /// <summary>
    /// Saves a batch as <see cref="IEntitySink{TState}.SaveAsync"/> says, over an open connection; failures are thrown as they come.
    /// </summary>
    Task<SaveResult[]> SaveAsync(
        RentedContext rented, IReadOnlyList<SaveItem<TState>> items, FlushTerms terms, CancellationToken cancellationToken);
}

/// <summary>What became of an entity whose row was not touched, from the version that is stored.</summary>
internal static class SkippedRow
{
    /// <param name="version">The version that was to be written.</param>
    /// <param name="stored">The version that is stored; null where there is no row.</param>
    /// <param name="expired">Whether the deadline is past by now.</param>
    /// <param name="type">The entity type.</param>
    public static SaveResult OfPut(long version, long? stored, bool expired, string type)
        => stored > version ? new SaveResult(SaveOutcome.Fenced, stored.Value)
            : stored == version ? new SaveResult(SaveOutcome.AlreadyThere, version)
            : expired ? new SaveResult(SaveOutcome.Expired)
            : Swallowed(type, "written");

    /// <param name="version">The version of the delete.</param>
    /// <param name="stored">The version that is stored; null where there is no row.</param>
    /// <param name="expired">Whether the deadline is past by now: then even a row that is absent may yet come (see
    /// <c>GuardedBatch</c>).</param>
    /// <param name="type">The entity type.</param>
    public static SaveResult OfDelete(long version, long? stored, bool expired, string type)
        => stored >= version ? new SaveResult(SaveOutcome.Fenced, stored.Value)
            : expired ? new SaveResult(SaveOutcome.Expired)
            : stored is null ? new SaveResult(SaveOutcome.AlreadyThere, version)
            : Swallowed(type, "deleted");

    /// <summary>
    /// In time, and yet not done: PostgreSQL left the row out without an error. Called Expired it would be tried again for ever.
    /// </summary>
    private static SaveResult Swallowed(string type, string done) => new(SaveOutcome.Rejected, Error: new SinkException(
        SinkFailure.Entity,
        $"A row of '{type}' was not {done}, and PostgreSQL gave no error: a trigger or a row-level security policy left it out, or " +
        "something beside the flushes changed the row at this moment.",
        entityType: type));
}
