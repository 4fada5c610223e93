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
    /// <param name="isSame">
    /// Whether a row of this very version has the content that was to be written. The number proves nothing: another program may have
    /// raised the row's version to it, or a Redis that went back may have given it out twice.
    /// </param>
    /// <param name="expired">Whether the deadline is past by now.</param>
    /// <param name="type">The entity type.</param>
    public static SaveResult OfPut(long version, long? stored, bool isSame, bool expired, string type)
        => stored > version || (stored == version && !isSame) ? new SaveResult(SaveOutcome.Fenced, stored.Value)
            : stored == version ? new SaveResult(SaveOutcome.AlreadyThere, version)
            : expired ? new SaveResult(SaveOutcome.Expired)
            : Swallowed(type, isDelete: false);

    /// <param name="version">The version of the delete.</param>
    /// <param name="stored">The version that is stored; null where there is no row.</param>
    /// <param name="expired">Whether the deadline is past by now: then even a row that is absent may yet come (see
    /// <c>GuardedBatch</c>).</param>
    /// <param name="mayBeHidden">Whether a row that is not seen may be there all the same (see <see cref="RowSecurity"/>).</param>
    /// <param name="type">The entity type.</param>
    public static SaveResult OfDelete(long version, long? stored, bool expired, bool mayBeHidden, string type)
        => stored >= version ? new SaveResult(SaveOutcome.Fenced, stored.Value)
            : expired ? new SaveResult(SaveOutcome.Expired)
            : stored is null && mayBeHidden ? new SaveResult(SaveOutcome.Rejected, Error: RowSecurity.Hidden(type))
            : stored is null ? new SaveResult(SaveOutcome.AlreadyThere, version)
            : Swallowed(type, isDelete: true);

    /// <summary>
    /// In time, and yet not done: PostgreSQL left the row out without an error. Called Expired it would be tried again for ever.
    /// </summary>
    private static SaveResult Swallowed(string type, bool isDelete) => new(SaveOutcome.Rejected, Error: NotDone(type, isDelete));

    /// <summary>A row is not as it was to become, and nobody gave an error.</summary>
    public static SinkException NotDone(string type, bool isDelete, Exception? cause = null) => new(
        SinkFailure.Entity,
        $"A row of '{type}' was not {(isDelete ? "deleted" : "written")}, and there was no error: a trigger, an interceptor or a " +
        "row-level security policy left it out, made something else of it or changed its key, or something beside the flushes changed " +
        "the row at this moment.",
        entityType: type,
        cause: cause);
}
