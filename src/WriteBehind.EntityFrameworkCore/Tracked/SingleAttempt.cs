using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace WriteBehind.EntityFrameworkCore.Tracked;

/// <summary>
/// Runs an operation once, and keeps a retrying strategy of the context from interfering (strategies inside another stand back): EF
/// Core refuses a transaction of our own under such a strategy, and a retry must ask for the lease again, which is the flush pipeline's.
/// </summary>
internal sealed class SingleAttempt(DbContext context) : ExecutionStrategy(context, maxRetryCount: 0, maxRetryDelay: TimeSpan.Zero)
{
    protected override bool ShouldRetryOn(Exception exception) => false;
}
