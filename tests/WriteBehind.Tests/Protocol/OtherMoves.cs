namespace WriteBehind.Tests.Protocol;

/// <summary>What happens of itself: time passes, entries expire, late things arrive, Redis comes back empty.</summary>
internal sealed class OtherMoves(ProtocolRules rules, Redis redis)
{
    public void Add(in World world, Moves moves)
    {
        AddTick(world, moves);
        AddLateArrival(world, moves);
        AddOrphan(world, moves);
        AddExpiry(world, moves);
        AddWipe(world, moves);
        AddRaise(world, moves);
        AddRedisBack(world, moves);
        AddRowBack(world, moves);
        AddClockBack(world, moves);
        AddTurn(world, moves);
        AddPause(world, moves);
    }

    private static void AddTick(in World world, Moves moves)
    {
        var next = world;
        next.QuarantineLeft = Less(world.QuarantineLeft);
        next.Claim = Later(world.Claim);
        next.Fence = Later(world.Fence);
        next.Pause = world.Pause.Left <= 1 ? default : world.Pause with { Left = Less(world.Pause.Left) };
        next.Copy = world.Copy with { Fence = Later(world.Copy.Fence), Claim = Later(world.Copy.Claim) };

        for (var i = 0; i < Pair<Flusher>.Count; i++)
        {
            next.Flushers[i].LeaseLeft = Less(world.Flushers[i].LeaseLeft);
        }

        for (var i = 0; i < Pair<Writer>.Count; i++)
        {
            next.Writers[i].Age = world.Writers[i].Phase is WriterPhase.Ignorant or WriterPhase.Remembering
                ? (byte)0
                : Older(world.Writers[i].Age);
        }

        next.Late.Age = world.Late.Exists ? Older(world.Late.Age) : (byte)0;
        moves.Add("time passes", 0, next);
    }

    private void AddLateArrival(in World world, Moves moves)
    {
        if (world.Late.Exists)
        {
            var next = world;
            next.Late = default;
            var answer = redis.Write(ref next, world.Late);
            moves.Add(answer == WriteAnswer.Taken
                ? "the held-up request arrives and is taken"
                : "the held-up request arrives and changes nothing", 0, next);
        }
    }

    private static void AddOrphan(in World world, Moves moves)
    {
        if (world.Uncommitted.Owner == Uncommitted.Orphan)
        {
            var next = world;
            next.Uncommitted = default;
            moves.Add("the dead flusher's save rolls back", 0, next);
            Database.Commit(ref next, world.Uncommitted.Version, world.Uncommitted.Value);
            moves.Add("the dead flusher's save commits", 0, next);
        }
    }

    private static void AddExpiry(in World world, Moves moves)
    {
        if (world.Buffer.Exists && !world.Dirty)
        {
            var next = world;
            next.Buffer = default;
            moves.Add("the clean entry expires", 0, next);
        }
    }

    private void AddWipe(in World world, Moves moves)
    {
        if (!world.Wiped && (rules.WipeMayMeetFlush || (rules.RedisMayBeWiped && !FlushUnderWay(world))))
        {
            var next = world;
            redis.Wipe(ref next);
            moves.Add("Redis comes back empty", 0, next);
        }
    }

    private void AddTurn(in World world, Moves moves)
    {
        if (rules.MemosAreBounded && (world.Memos | world.OlderMemos) != 0)
        {
            var next = world;
            redis.TurnMemos(ref next);
            moves.Add("the oldest memos go", 0, next);
        }
    }

    /// <summary>The operator pauses, looks until nobody holds a claim, and perhaps ends the pause before it ends by itself.</summary>
    private void AddPause(in World world, Moves moves)
    {
        if (!rules.FlushMayBePaused)
        {
            return;
        }

        var next = world;
        if (!world.Pause.Exists)
        {
            next.Pause = new FlushPause(ProtocolRules.PauseTime, Heard: 0, IsQuiet: false);
            moves.Add("the operator pauses the flush", 0, next);
            return;
        }

        next.Pause = default;
        moves.Add("the operator resumes the flush", 0, next);
        if (!world.Claim.Exists && !world.Pause.IsQuiet)
        {
            next.Pause = world.Pause with { IsQuiet = true };
            moves.Add("the operator sees no flush under way", 0, next);
        }
    }

    private void AddRaise(in World world, Moves moves)
    {
        if (rules.RowMayBeRaised && (world.Happened & Mishaps.RowRaised) == 0 && world.Row.Exists && !world.Uncommitted.Exists)
        {
            var next = world;
            next.Happened |= Mishaps.RowRaised;
            next.Row = new Row((byte)(world.Row.Version + 1), World.Foreign);
            next.Expected = world.Row.Value == world.Expected ? World.Foreign : world.Expected;
            moves.Add("another program raises the row", 0, next);
        }
    }

    private void AddRedisBack(in World world, Moves moves)
    {
        if (!rules.RedisMayGoBack || (world.Happened & Mishaps.RedisWentBack) != 0)
        {
            AddRestart(world, moves);
            return;
        }

        var next = world;
        if ((world.Happened & Mishaps.RedisCopied) == 0)
        {
            next.Happened |= Mishaps.RedisCopied;
            next.Copy = new RedisCopy(world.Buffer, world.Dirty, world.Claim, world.Fence, world.Memos, world.OlderMemos);
            moves.Add("a copy of Redis is taken", 0, next);
        }
        else if (rules.GoingBackMayMeetFlush || !FlushUnderWay(world))
        {
            redis.GoBack(ref next);
            moves.Add("Redis goes back to its copy", 0, next);
        }
    }

    /// <summary>A process begins anew: it remembers no call that Redis might have forgotten.</summary>
    private void AddRestart(in World world, Moves moves)
    {
        for (var i = 0; i < Pair<Writer>.Count && rules.ProcessesMayRestart; i++)
        {
            if ((world.Happened & (Mishaps.RedisWentBack | Mishaps.Noticed)) == Mishaps.RedisWentBack && (world.Ahead & (1 << i)) != 0)
            {
                var next = world;
                next.Ahead &= (byte)~(1 << i);
                next.Writers[i] = default;
                moves.Add("writer # starts anew", i, next);
            }
        }
    }

    private void AddRowBack(in World world, Moves moves)
    {
        if (!rules.RowMayGoBack && !rules.ReadsMayBeStale)
        {
            return;
        }

        var next = world;
        if ((world.Happened & Mishaps.RowCopied) == 0)
        {
            next.Happened |= Mishaps.RowCopied;
            next.OldRow = world.Row;
            moves.Add("an old row is kept somewhere", 0, next);
        }
        else if (rules.RowMayGoBack && (world.Happened & Mishaps.RowWentBack) == 0 && !FlushUnderWay(world))
        {
            next.Happened |= Mishaps.RowWentBack;
            next.Row = world.OldRow;
            next.OldRow = default;
            next.Expected = world.Dirty ? world.Expected : World.Anything;
            moves.Add("the database goes back", 0, next);
        }
        else if (world.Buffer.Exists && !world.Dirty && world.Buffer.Version > world.Row.Version)
        {
            next.Dirty = true;
            next.Expected = world.Buffer.Value;
            moves.Add("a kept state that is newer than its row is to be flushed again", 0, next);
        }
    }

    /// <summary>
    /// A step back of one tick: what is left of fences and leases in Redis gets longer, and knowledge seems younger. (Old is old enough,
    /// however old; here it may be just old enough.)
    /// </summary>
    private void AddClockBack(in World world, Moves moves)
    {
        if (!rules.ClockMayGoBack || (world.Happened & Mishaps.ClockWentBack) != 0)
        {
            return;
        }

        var next = world;
        next.Happened |= Mishaps.ClockWentBack;
        next.Claim.Left += (byte)(world.Claim.Exists ? 1 : 0);
        next.Fence.Left += (byte)(world.Fence.Exists && world.Fence.Left != Fence.ForEver ? 1 : 0);
        for (var i = 0; i < Pair<Writer>.Count; i++)
        {
            next.Writers[i].Age = Less(world.Writers[i].Age);
        }

        if (rules.ClockIsWatched)
        {
            Redis.ForgetKnowledge(ref next);
        }

        moves.Add("Redis' clock steps back", 0, next);
    }

    private static Claim Later(Claim claim) => claim.Left <= 1 ? default : claim with { Left = (byte)(claim.Left - 1) };

    private static Fence Later(Fence fence)
        => fence.Left == Fence.ForEver ? fence : fence.Left <= 1 ? default : fence with { Left = (byte)(fence.Left - 1) };

    private static bool FlushUnderWay(in World world)
        => world.Uncommitted.Exists || world.Flushers[0].Phase != FlusherPhase.Idle || world.Flushers[1].Phase != FlusherPhase.Idle;

    private static byte Less(byte left) => (byte)(left == 0 ? 0 : left - 1);

    private static byte Older(byte age) => Math.Min((byte)(age + 1), ProtocolRules.FenceTime);
}
