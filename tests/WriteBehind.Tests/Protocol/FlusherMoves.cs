namespace WriteBehind.Tests.Protocol;

/// <summary>What flushers may do next: claim, save, settle, and crash between any two of these.</summary>
internal sealed class FlusherMoves(ProtocolRules rules, Redis redis, Database database)
{
    public void Add(in World world, Moves moves)
    {
        for (var i = 0; i < Pair<Flusher>.Count; i++)
        {
            switch (world.Flushers[i].Phase)
            {
                case FlusherPhase.Idle:
                    AddClaim(world, i, moves);
                    break;
                case FlusherPhase.Holding:
                    AddSave(world, i, moves);
                    AddCrash(world, i, moves);
                    break;
                case FlusherPhase.Committing:
                    AddCommit(world, i, moves);
                    AddCrash(world, i, moves);
                    break;
                case FlusherPhase.Refused:
                    AddSetAside(world, i, moves);
                    AddCrash(world, i, moves);
                    break;
                default:
                    AddSettle(world, i, moves);
                    AddCrash(world, i, moves);
                    break;
            }
        }
    }

    private static byte OwnerOf(int i) => (byte)(i + 1);

    private void AddClaim(in World world, int i, Moves moves)
    {
        if (world.Pause.Exists && (world.Pause.Heard & (1 << i)) == 0 && !rules.PauseIsSeenInClaim)
        {
            var told = world;
            told.Pause.Heard |= (byte)(1 << i);
            moves.Add("flusher # hears of the pause", i, told);
        }

        if (!world.Dirty
            || (rules.Claims && world.Claim.Exists)
            || (world.Pause.Exists && (rules.PauseIsSeenInClaim || (world.Pause.Heard & (1 << i)) != 0)))
        {
            return;
        }

        var next = world;
        redis.Hear(ref next, i);
        var entity = next.Buffer;
        next.Flushers[i] = new Flusher(FlusherPhase.Holding, entity.Version, entity.Value, entity.Write, ProtocolRules.Lease);
        if (rules.Claims)
        {
            next.Claim = new Claim(OwnerOf(i), ProtocolRules.Lease);
        }

        moves.Add("flusher # claims", i, next);
    }

    private void AddSave(in World world, int i, Moves moves)
    {
        var next = world;
        ref var flusher = ref next.Flushers[i];
        if (rules.Deadline && flusher.LeaseLeft == 0)
        {
            flusher = default;
            moves.Add("flusher # saves after its lease: nothing happens", i, next);
        }
        else if (database.MayRun(world, flusher))
        {
            flusher.LeaseLeft = 0;
            flusher.Phase = FlusherPhase.Saved;
            if (database.Refuses(world, flusher))
            {
                (flusher.Phase, flusher.Value) = (FlusherPhase.Refused, world.Row.Version);
                moves.Add("flusher # saves: the row is another one", i, next);
            }
            else if (!Database.Applies(world, flusher))
            {
                moves.Add("flusher # saves: nothing to change", i, next);
            }
            else if (rules.CommitsMayBeLate)
            {
                flusher.Phase = FlusherPhase.Committing;
                next.Uncommitted = new Uncommitted(OwnerOf(i), flusher.Version, flusher.Value);
                moves.Add("flusher # saves, not committed yet", i, next);
            }
            else
            {
                Database.Commit(ref next, flusher.Version, flusher.Value);
                moves.Add("flusher # saves", i, next);
            }
        }
    }

    private static void AddCommit(in World world, int i, Moves moves)
    {
        var next = world;
        next.Flushers[i].Phase = FlusherPhase.Saved;
        next.Uncommitted = default;
        Database.Commit(ref next, world.Uncommitted.Version, world.Uncommitted.Value);
        moves.Add("flusher #'s save commits", i, next);
    }

    private void AddSettle(in World world, int i, Moves moves)
    {
        var next = world;
        next.Flushers[i] = default;
        var settled = redis.Settle(ref next, world.Flushers[i], OwnerOf(i));
        moves.Add(settled ? "flusher # settles" : "flusher # does not settle: the entity moved on", i, next);
    }

    private void AddSetAside(in World world, int i, Moves moves)
    {
        var next = world;
        next.Flushers[i] = default;
        var done = redis.SetAside(ref next, world.Flushers[i], OwnerOf(i), out var told);
        var text = told ? "flusher # sets the write aside and says so"
            : done ? "flusher # drops a write of before"
            : "flusher # finds it moved on";
        moves.Add(text, i, next);
    }

    /// <summary>
    /// A crash loses the flusher's memory. Its claim stays until the lease ends, and what it sent to the database may still commit.
    /// </summary>
    private static void AddCrash(in World world, int i, Moves moves)
    {
        var next = world;
        next.Flushers[i] = default;
        if (world.Uncommitted.Owner == OwnerOf(i))
        {
            next.Uncommitted.Owner = Uncommitted.Orphan;
        }

        moves.Add("flusher # crashes", i, next);
    }
}
