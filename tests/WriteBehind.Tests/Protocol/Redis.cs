namespace WriteBehind.Tests.Protocol;

/// <summary>What Redis does, each in one step: the write script, the settle transaction, filling in, and coming back empty.</summary>
internal sealed class Redis(ProtocolRules rules)
{
    /// <summary>The write script (design section 5).</summary>
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

        world.OverwroteUnseen |= !request.Blind && world.Expected != World.Anything && world.Expected != request.Seen;
        world.Buffer = new Buffered((byte)(version + (request.Shared && rules.VersionPerChange ? 2 : 1)), request.Value, request.Write);
        world.Dirty = true;
        world.Expected = request.Value;
        world.AppliedTwice |= (world.Applied & (1 << request.Write)) != 0;
        world.Applied |= (byte)(1 << request.Write);
        return WriteAnswer.Taken;
    }

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

    /// <summary>Settles what a flusher has saved (design section 6); false where the entity had moved on.</summary>
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
        if (deleted || !rules.KeepsCleanEntries)
        {
            world.Buffer = default;
        }

        world.Dirty = false;
        world.Fence = new Fence(flusher.Version, flusher.Write, !deleted ? ProtocolRules.FenceTime
            : rules.TombstoneFencesEnd ? ProtocolRules.TombstoneFenceTime : Fence.ForEver);
        return true;
    }

    /// <summary>Puts what a load found in the database into Redis as a clean entry; false where Redis may know something newer.</summary>
    public bool Fill(ref World world, in Writer writer)
    {
        if (world.Buffer.Exists || !Counts(writer.Age, writer.OldEpoch) || (HasFence(world) && world.Fence.Version > writer.Version))
        {
            return false;
        }

        world.Buffer = new Buffered(writer.Version, writer.Seen, Write: 0);
        return true;
    }

    /// <summary>Loses everything. What was acknowledged and not yet flushed may be in the database later, or not.</summary>
    public static void Wipe(ref World world)
    {
        world.Buffer = default;
        world.Dirty = false;
        world.Claim = default;
        world.Fence = default;
        world.Expected = World.Anything;
        world.Wiped = true;
        world.QuarantineLeft = ProtocolRules.Lease;
        world.Late.OldEpoch = world.Late.Exists;
        for (var i = 0; i < Pair<Writer>.Count; i++)
        {
            world.Writers[i].OldEpoch = world.Writers[i].Phase != WriterPhase.Ignorant;
        }
    }

    private bool Takes(in World world, in WriteRequest request, out byte version)
    {
        version = VersionOf(world);
        if (rules.KnowledgeIsAlwaysChecked && !request.Blind && !Counts(request.Age, request.OldEpoch))
        {
            return false;
        }

        // A fence below what the writer knows tells nothing about it.
        if (world.Buffer.Exists || (HasFence(world) && version >= request.Version))
        {
            return request.Blind || request.Version == version;
        }

        version = request.Version;
        return Counts(request.Age, request.OldEpoch);
    }

    /// <summary>Whether knowledge is young enough to go by where Redis has nothing to check it against.</summary>
    private bool Counts(byte age, bool oldEpoch) => (!rules.Confirming || age < ProtocolRules.FenceTime) && (!rules.Epoch || !oldEpoch);

    private bool HasFence(in World world) => rules.Fence && world.Fence.Exists;
}
