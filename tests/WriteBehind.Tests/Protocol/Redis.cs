using System.Numerics;

namespace WriteBehind.Tests.Protocol;

/// <summary>
/// What Redis does, each in one step: the write script, the settle transaction, filling in, coming back empty or with an older copy.
/// </summary>
internal sealed class Redis(ProtocolRules rules)
{
    /// <summary>
    /// What every call begins with. It shows that Redis went back where the caller remembers a call of its own that Redis does not, or
    /// where Redis is not the one that was connected to. What is there then is of before, and so is all that anybody knows.
    /// </summary>
    public void Hear(ref World world, int writer)
    {
        if ((world.Happened & (Mishaps.RedisWentBack | Mishaps.Noticed)) == Mishaps.RedisWentBack
            && (rules.Identities || (rules.OwnCalls && (world.Ahead & (1 << writer)) != 0)))
        {
            world.Happened |= Mishaps.Noticed;
            world.Ahead = 0;
            LoseMemos(ref world);
            world.Buffer.Old = world.Buffer.Exists;
            world.Fence.Old = world.Fence.Exists;
            ForgetKnowledge(ref world);
        }
    }

    /// <summary>The write script.</summary>
    public WriteAnswer Write(ref World world, in WriteRequest request)
    {
        if (Knows(world, request.Write))
        {
            KeepFence(ref world);
            return WriteAnswer.Repeated;
        }

        if (!Takes(world, request, out var version))
        {
            return WriteAnswer.Refused;
        }

        var operation = 1 << request.Operation;
        if (rules.CallersRepeat
            && rules.Memos
            && ((LookedUp(world.Memos, operation) | OlderFor(world, operation) | world.Forgotten) & operation) != 0)
        {
            return WriteAnswer.Known;
        }

        // What another program did to the row is not known here before a flush meets it.
        var isKnown = world.Expected != World.Anything && (world.Expected != World.Foreign || (world.Happened & Mishaps.Told) != 0);
        world.OverwroteUnseen |= !request.Blind && isKnown && world.Expected != request.Seen;
        world.Buffer = new Buffered((byte)(version + (request.Shared && rules.VersionPerChange ? 2 : 1)), request.Value, request.Write);
        world.Dirty = true;
        world.Expected = request.Value;
        world.AppliedTwice |= (world.Applied & operation) != 0;
        world.Applied |= (byte)operation;
        world.Memos |= (byte)(rules.CallersRepeat ? operation : 0);
        return WriteAnswer.Taken;
    }

    /// <summary>Whether a state is there that goes without asking the database.</summary>
    public bool HasState(in World world) => world.Buffer.Exists && !(world.Buffer.Old && rules.OldIsConfirmed);

    /// <summary>Whether the entity's last write is this one.</summary>
    public bool Knows(in World world, byte write)
        => rules.Nonce && (world.Buffer.Exists ? world.Buffer.Write == write : HasFence(world) && world.Fence.Write == write);

    /// <summary>The version that Redis can tell: of the state, else of the fence, else 0.</summary>
    public byte VersionOf(in World world) => world.Buffer.Exists ? world.Buffer.Version : HasFence(world) ? world.Fence.Version : (byte)0;

    /// <summary>Makes a fence that somebody was told of last as long as that knowledge counts.</summary>
    public void KeepFence(ref World world)
    {
        if (rules.FencesOutliveKnowledge && world.Fence.Exists)
        {
            world.Fence.Left = Math.Max(world.Fence.Left, ProtocolRules.FenceTime);
        }
    }

    /// <summary>Settles what a flusher has saved; false where the entity had moved on.</summary>
    public bool Settle(ref World world, in Flusher flusher, byte owner)
    {
        if (!rules.OwnClaimsOnly || world.Claim.Owner == owner)
        {
            world.Claim = default;
        }

        if (world.Buffer.Version != flusher.Version || (rules.SettleChecksWrite && world.Buffer.Write != flusher.Write))
        {
            return false;
        }

        var deleted = flusher.Value == World.Absent;
        var old = world.Buffer.Old;
        if (deleted || !rules.KeepsCleanEntries)
        {
            world.Buffer = default;
        }

        world.Dirty = false;
        (world.Memos, world.OlderMemos) = rules.MemosOutliveFlush ? (world.Memos, world.OlderMemos) : ((byte)0, (byte)0);
        var left = !deleted ? rules.FenceTimeOf(owner - 1) : rules.TombstoneFencesEnd ? ProtocolRules.TombstoneFenceTime : Fence.ForEver;
        world.Fence = new Fence(flusher.Version, flusher.Write, left, IsOfPut: rules.RowMayFallBehind && !deleted, old);
        return true;
    }

    /// <summary>
    /// Lets go of a write that the database refused, as the row is another one. Of before Redis went back and older than the row it is
    /// merely superseded; otherwise its callers are told. False where the entity had moved on.
    /// </summary>
    public bool SetAside(ref World world, in Flusher flusher, byte owner, out bool told)
    {
        told = false;
        if (!rules.OwnClaimsOnly || world.Claim.Owner == owner)
        {
            world.Claim = default;
        }

        if (world.Buffer.Version != flusher.Version || world.Buffer.Write != flusher.Write)
        {
            return false;
        }

        var (found, old) = (flusher.Value, world.Buffer.Old);
        told = !(old && found > flusher.Version);
        if (told && rules.ConflictsEndKnowledge)
        {
            ForgetKnowledge(ref world);
        }

        world.Happened |= told ? Mishaps.Told : Mishaps.None;
        if (told && !old && !IsExcused(world))
        {
            world.Breach = Breach.SetAsideForNothing;
        }

        world.Buffer = default;
        world.Dirty = false;
        world.Fence = new Fence(found, Write: 0, rules.FenceTimeOf(owner - 1), IsOfPut: false, Old: false);
        world.Expected = world.Row.Value;
        return true;
    }

    /// <summary>Puts what a load found in the database into Redis as a clean entry; false where Redis may know something newer.</summary>
    public bool Fill(ref World world, in Writer writer, int number)
    {
        if (HasState(world) || world.Dirty || !Counts(writer.Age, writer.OldEpoch, rules.KnowledgeTimeOf(number))
            || Math.Max(HasFence(world) ? world.Fence.Version : 0, world.Buffer.Version) > writer.Version)
        {
            return false;
        }

        world.Buffer = new Buffered(writer.Version, writer.Seen, Write: 0);
        return true;
    }

    /// <summary>Loses everything. What was acknowledged and not yet flushed may be in the database later, or not.</summary>
    public void Wipe(ref World world)
    {
        (world.Memos, world.OlderMemos) = (0, 0);
        LoseMemos(ref world);
        world.Buffer = default;
        world.Dirty = false;
        world.Claim = default;
        world.Fence = default;
        world.Pause = default;
        world.Expected = World.Anything;
        world.Wiped = true;
        world.QuarantineLeft = ProtocolRules.Lease;
        ForgetKnowledge(ref world);
    }

    /// <summary>
    /// Goes back to the copy that was taken. Nobody knows yet. What was acknowledged since may be in the database later, or not, and is
    /// written anew where it is sent again.
    /// </summary>
    public void GoBack(ref World world)
    {
        (world.Buffer, world.Dirty, world.Claim, world.Fence, world.Memos, world.OlderMemos) = world.Copy;
        world.Copy = default;
        world.Pause = default;
        world.Expected = World.Anything;
        world.Applied = rules.CallersRepeat ? world.Applied : (byte)0;
        world.Happened |= Mishaps.RedisWentBack;
    }

    /// <summary>All that was begun so far may have been among them.</summary>
    private void LoseMemos(ref World world)
        => world.Forgotten = (byte)(rules.CallersRepeat && rules.LossOfMemosIsKnown ? (1 << (world.Writes + 1)) - 1 : 0);

    /// <summary>
    /// The older hash of memos goes, the newer one takes its place, and what is as old as the latest that went is refused from then on.
    /// (Calls are numbered in the order of their times.)
    /// </summary>
    public void TurnMemos(ref World world)
    {
        world.Forgotten |= (byte)(rules.FloorOfMemos ? UpTo(world.OlderMemos) : 0);
        (world.OlderMemos, world.Memos) = (world.Memos, 0);
    }

    private byte OlderFor(in World world, int operation)
        => rules.OlderMemosCount ? LookedUp(world.OlderMemos, operation) : (byte)0;

    /// <summary>What a look into a hash of memos shows: none is needed for an operation that is younger than all in it.</summary>
    private static byte LookedUp(byte memos, int operation) => (UpTo(memos) & operation) != 0 ? memos : (byte)0;

    /// <summary>All operations up to the latest of these.</summary>
    private static int UpTo(byte operations) => operations == 0 ? 0 : (2 << BitOperations.Log2(operations)) - 1;

    /// <summary>A new epoch: knowledge from before does not count.</summary>
    public static void ForgetKnowledge(ref World world)
    {
        world.Late.OldEpoch = world.Late.Exists;
        for (var i = 0; i < Pair<Writer>.Count; i++)
        {
            world.Writers[i].OldEpoch = world.Writers[i].Phase != WriterPhase.Ignorant;
        }
    }

    /// <summary>
    /// Whether there is another reason for a conflict than the engine's own doing: somebody raised the row or set it back, or Redis went
    /// back and the writer could not know it.
    /// </summary>
    public bool IsExcused(in World world)
        => rules.TellingIsEnough
            || (world.Happened & (Mishaps.RowRaised | Mishaps.RowWentBack)) != 0
            || (rules.OwnCalls
                && !rules.Identities
                && (world.Happened & (Mishaps.RedisWentBack | Mishaps.Noticed)) == Mishaps.RedisWentBack);

    private bool Takes(in World world, in WriteRequest request, out byte version)
    {
        version = VersionOf(world);
        var counts = Counts(request.Age, request.OldEpoch, rules.KnowledgeTimeOf(request.Writer));
        if (rules.KnowledgeIsAlwaysChecked && !request.Blind && !counts)
        {
            return false;
        }

        // What was buffered since is another write, though it may have the row's version: somebody may have raised that.
        if (rules.SavedIsNotDirty && request.Saved && world.Dirty)
        {
            return false;
        }

        // A fence below what the writer knows tells nothing about it, nor does a state of before Redis went back.
        if (HasState(world) || ((world.Buffer.Exists || HasFence(world)) && version >= request.Version))
        {
            return request.Blind || request.Version == version;
        }

        version = request.Version;
        return counts;
    }

    /// <summary>Whether knowledge is young enough to go by where Redis has nothing to check it against.</summary>
    private bool Counts(byte age, bool oldEpoch, byte time) => (!rules.Confirming || age < time) && (!rules.Epoch || !oldEpoch);

    private bool HasFence(in World world) => rules.Fence && world.Fence.Exists;
}
