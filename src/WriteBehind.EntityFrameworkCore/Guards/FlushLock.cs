using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace WriteBehind.EntityFrameworkCore.Guards;

/// <summary>
/// The advisory lock of one table (of one entity type in it, for the generic table). Its first half is the table's oid, so that
/// every process means the same table, however its model spells the schema; its second half keeps it apart from the locks of others.
/// </summary>
internal sealed class FlushLock
{
    private FlushLock(string key)
    {
        Shared = $"SELECT pg_advisory_xact_lock_shared({key})";
        Exclusive = $"SELECT pg_advisory_xact_lock({key})";
    }

    /// <summary>For flushes that put only: any number at once.</summary>
    public string Shared { get; }

    /// <summary>For flushes that delete: alone.</summary>
    public string Exclusive { get; }

    /// <param name="table">The table as SQL writes it.</param>
    /// <param name="part">What of the table: empty for all of it.</param>
    public static FlushLock Of(string table, string part = "")
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"writebehind:{part}"));
        return new FlushLock($"{SqlName.Literal(table)}::regclass::oid::int4, {BinaryPrimitives.ReadInt32BigEndian(hash)}");
    }
}
