namespace WriteBehind.Tests.Protocol;

/// <summary>
/// What writers may do next: load (first Redis, then the database), write, and find out about a write that got no answer.
/// </summary>
internal sealed class WriterMoves(ProtocolRules rules, Redis redis)
{
    public void Add(in World world, Moves moves)
    {
        for (var i = 0; i < Pair<Writer>.Count; i++)
        {
            switch (world.Writers[i].Phase)
            {
                case WriterPhase.Looking or WriterPhase.LookingBeyond:
                    AddReadRow(world, i, world.Row, "writer # reads the row", moves);
                    AddStaleRead(world, i, moves);
                    break;
                case WriterPhase.Remembering:
                    AddCompareWithRedis(world, i, moves);
                    break;
                case WriterPhase.Comparing:
                    AddCompareWithRow(world, i, moves);
                    break;
                case WriterPhase.Unsure:
                    AddRepeat(world, i, moves);
                    break;
                case WriterPhase.BlindlyUnsure when rules.BlindWritesAreSentOnce:
                    AddLookFor(world, i, moves);
                    break;
                case WriterPhase.BlindlyUnsure:
                    AddRepeat(world, i, moves);
                    break;
                case WriterPhase.Knowing:
                    AddReadRedis(world, i, moves);
                    AddFill(world, i, moves);
                    AddWrites(world, i, moves);
                    break;
                default:
                    AddReadRedis(world, i, moves);
                    break;
            }
        }
    }

    private void AddReadRedis(in World world, int i, Moves moves)
    {
        var next = world;
        redis.Hear(ref next, i);
        ref var writer = ref next.Writers[i];
        writer = Writer.Knowing(redis.VersionOf(next), next.Buffer.Value) with { Saved = rules.RowMayBeRaised && !next.Dirty };
        if (!redis.HasState(next))
        {
            // Under the fence of a put there must be a row; of before Redis went back it may have been deleted since.
            writer.Phase = next.Buffer.Exists && next.Dirty ? WriterPhase.LookingBeyond : WriterPhase.Looking;
            writer.Value = (byte)(next.Fence.IsOfPut && !next.Fence.Old ? 1 : 0);
            writer.OldEpoch = rules.Quarantine && world.QuarantineLeft > 0;
            redis.KeepFence(ref next);
        }
        else if (next.Buffer.Version < next.Row.Version && !redis.IsExcused(next))
        {
            next.Breach = Breach.ReadBehindRow;
        }

        moves.Add("writer # reads Redis", i, next);
    }

    private void AddReadRow(in World world, int i, in Row row, string text, Moves moves)
    {
        var next = world;
        ref var writer = ref next.Writers[i];
        var (beyond, isBehind) = (writer.Phase == WriterPhase.LookingBeyond, row.Exists ? row.Version < writer.Version : writer.Value == 1);
        writer = writer with { Phase = WriterPhase.Knowing, Value = 0 };
        if (!beyond || row.Version > writer.Version)
        {
            (writer.Version, writer.Seen) = (Math.Max(writer.Version, row.Version), row.Value);
        }

        if (isBehind && !beyond && rules.RowsBehindFencesAreRefused)
        {
            writer = default;
            text += ", which is older than what was settled: refused";
        }
        else if (isBehind && !beyond)
        {
            next.Breach = Breach.ReadBehindFence;
        }

        moves.Add(text, i, next);
    }

    /// <summary>
    /// A copy of the database that lags answers. It lags by less than a fence lasts: of what it lacks there is still the fence, which is
    /// how it can be known.
    /// </summary>
    private void AddStaleRead(in World world, int i, Moves moves)
    {
        if (rules.ReadsMayBeStale && (world.Happened & Mishaps.RowCopied) != 0 && world.OldRow != world.Row && world.Fence.Exists)
        {
            AddReadRow(world, i, world.OldRow, "writer # reads an old row", moves);
        }
    }

    private void AddCompareWithRedis(in World world, int i, Moves moves)
    {
        var next = world;
        ref var writer = ref next.Writers[i];
        (writer.Value, writer.Version) = (writer.Version, redis.VersionOf(world));
        writer.Phase = WriterPhase.Comparing;
        if (world.Buffer.Exists)
        {
            Compare(ref writer);
        }

        moves.Add("writer # compares its version with Redis", i, next);
    }

    private static void AddCompareWithRow(in World world, int i, Moves moves)
    {
        var next = world;
        ref var writer = ref next.Writers[i];
        writer.Version = Math.Max(writer.Version, world.Row.Version);
        Compare(ref writer);
        moves.Add("writer # compares its version with the row", i, next);
    }

    /// <summary>Goes on where the version found is the one remembered: what the writer has seen then should be the current state.</summary>
    private static void Compare(ref Writer writer)
        => writer = writer.Version == writer.Value ? writer with { Phase = WriterPhase.Knowing, Value = 0 } : default;

    private void AddFill(in World world, int i, Moves moves)
    {
        var next = world;
        redis.Hear(ref next, i);
        if (rules.KeepsCleanEntries && world.Writers[i].Seen != World.Absent && redis.Fill(ref next, next.Writers[i], i))
        {
            moves.Add("writer # fills the row it read into Redis", i, next);
        }
    }

    private void AddWrites(in World world, int i, Moves moves)
    {
        AddRepeatedCalls(world, i, moves);
        if (world.Writes == rules.Writes)
        {
            return;
        }

        var writer = world.Writers[i];
        var write = (byte)(world.Writes + 1);
        var put = new WriteRequest(
            write, write, writer.Seen, writer.Version, writer.Age, writer.OldEpoch, Blind: false, (byte)i, Saved: writer.Saved);
        AddSend(world, i, put, "writer # puts", moves);
        AddSend(world, i, put with { Value = World.Absent }, "writer # deletes", moves);
        if (rules.SharedWrites)
        {
            AddSend(world, i, put with { Shared = true }, "writer # puts, and a change behind it shares the write", moves);
        }

        if (rules.BlindWrites)
        {
            AddSend(world, i, put with { Blind = true }, "writer # puts on top of whatever is there", moves);
        }
    }

    /// <summary>A caller of any put that was begun repeats it, here.</summary>
    private void AddRepeatedCalls(in World world, int i, Moves moves)
    {
        for (byte operation = 1; operation <= world.Writes && rules.CallersRepeat; operation++)
        {
            if ((world.Puts & (1 << operation)) == 0)
            {
                continue;
            }

            var next = world;
            redis.Hear(ref next, i);
            var writer = next.Writers[i];
            var request = new WriteRequest(
                WriteRequest.RepeatOf(operation, i), operation, writer.Seen, writer.Version, writer.Age, writer.OldEpoch, Blind: false,
                (byte)i, Saved: writer.Saved);
            var answer = redis.Write(ref next, request);
            next.Writers[i] = answer == WriteAnswer.Taken ? Writer.Acknowledged(request, next.Buffer.Version)
                : answer == WriteAnswer.Known ? next.Writers[i]
                : default;
            moves.Add($"writer # is sent call {operation} again{(answer == WriteAnswer.Taken ? " and takes it for new" : "")}", i, next);
        }
    }

    private void AddSend(in World world, int i, in WriteRequest sent, string text, Moves moves)
    {
        var next = world;
        redis.Hear(ref next, i);
        var request = sent with { OldEpoch = next.Writers[i].OldEpoch };
        if (redis.Write(ref next, request) is WriteAnswer.Refused or WriteAnswer.Known)
        {
            next.Writers[i] = default;
            moves.Add("writer # is refused", i, next);
        }
        else
        {
            next.Writes = request.Write;
            NotePut(ref next, request);
            next.Ahead |= (byte)((next.Happened & (Mishaps.RedisCopied | Mishaps.RedisWentBack)) == Mishaps.RedisCopied ? 1 << i : 0);
            next.Writers[i] = Writer.Acknowledged(request, next.Buffer.Version);
            moves.Add(text, i, next);
            if (rules.AnswersMayBeLost)
            {
                next.Writers[i] = Writer.UnsureOf(request);
                moves.Add(text + ", and the answer is lost", i, next);
            }
        }

        if (rules.AnswersMayBeLost && !world.Late.Exists)
        {
            next = world;
            next.Writes = sent.Write;
            NotePut(ref next, sent);
            next.Late = sent;
            next.Writers[i] = Writer.UnsureOf(sent);
            moves.Add(text + ", and the request is held up", i, next);
        }
    }

    private void NotePut(ref World world, in WriteRequest request)
        => world.Puts |= (byte)(rules.CallersRepeat && request.Value != World.Absent ? 1 << request.Write : 0);

    /// <summary>
    /// Sends an unsure write again. Refused now, the first one may still have been taken: that is reported, not repeated.
    /// </summary>
    private void AddRepeat(in World world, int i, Moves moves)
    {
        var next = world;
        redis.Hear(ref next, i);
        var writer = next.Writers[i];
        var sent = writer.SentBy(i);
        if (redis.Write(ref next, sent) is var answer and (WriteAnswer.Taken or WriteAnswer.Repeated))
        {
            next.Writers[i] = Writer.Acknowledged(sent, redis.VersionOf(next));

            // Stored it is, but of before Redis went back: nothing may go on top of it that has not looked at the row.
            next.Writers[i].OldEpoch = answer == WriteAnswer.Repeated && (next.Buffer.Old || next.Fence.Old);
            moves.Add("writer # sends it again", i, next);
        }
        else if (rules.Nonce)
        {
            next.Writers[i] = default;
            moves.Add("writer # sends it again and is refused", i, next);
        }
        else
        {
            // Nothing tells the refusal from one before the write was taken, so the change is made anew on the current version.
            next.Writers[i] = writer with { Version = redis.VersionOf(world), Seen = world.Expected, Age = 0, OldEpoch = false };
            moves.Add("writer # sends it again, is refused and reloads", i, next);
        }
    }

    /// <summary>
    /// Looks whether an unsure write is there. If not, it may have been taken and overwritten: that is reported, not repeated.
    /// </summary>
    private void AddLookFor(in World world, int i, Moves moves)
    {
        var next = world;
        next.Writers[i] = redis.Knows(world, world.Writers[i].Write)
            ? Writer.Knowing(redis.VersionOf(world), world.Writers[i].Value)
            : default;
        moves.Add("writer # looks for its write", i, next);
    }
}
