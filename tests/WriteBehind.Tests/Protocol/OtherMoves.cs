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
    }

    private static void AddTick(in World world, Moves moves)
    {
        var next = world;
        next.QuarantineLeft = Less(world.QuarantineLeft);
        next.Claim.Left = Less(world.Claim.Left);
        if (next.Claim.Left == 0)
        {
            next.Claim = default;
        }

        next.Fence.Left = world.Fence.Left == Fence.ForEver ? Fence.ForEver : Less(world.Fence.Left);
        if (next.Fence.Left == 0)
        {
            next.Fence = default;
        }

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
            Redis.Wipe(ref next);
            moves.Add("Redis comes back empty", 0, next);
        }
    }

    private static bool FlushUnderWay(in World world)
        => world.Uncommitted.Exists || world.Flushers[0].Phase != FlusherPhase.Idle || world.Flushers[1].Phase != FlusherPhase.Idle;

    private static byte Less(byte left) => (byte)(left == 0 ? 0 : left - 1);

    private static byte Older(byte age) => Math.Min((byte)(age + 1), ProtocolRules.FenceTime);
}
