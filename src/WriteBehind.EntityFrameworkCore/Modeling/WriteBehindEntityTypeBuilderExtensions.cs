using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using WriteBehind.EntityFrameworkCore.Modeling;

namespace WriteBehind;

/// <summary>Gives mapped entities the version that every flush is guarded by.</summary>
public static class WriteBehindEntityTypeBuilderExtensions
{
    /// <summary>
    /// Adds a shadow property for the version: a <c>bigint not null default 0</c>. Rows that other code inserts, and rows that were
    /// there before, start at 0. The property is a concurrency token, so that <c>SaveChanges</c> elsewhere notices flushes in between.
    /// </summary>
    /// <param name="builder">The entity.</param>
    /// <param name="propertyName">The name of the property; default <c>Version</c>. It must not be a member of the class.</param>
    /// <param name="columnName">The column; default: what the model's conventions make of the property's name.</param>
    /// <exception cref="ConfigurationException">The class has a member of that name: pass the member itself to the other overload.</exception>
    public static EntityTypeBuilder<TEntity> HasWriteBehindVersion<TEntity>(
        this EntityTypeBuilder<TEntity> builder, string propertyName = "Version", string? columnName = null)
        where TEntity : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var clash = typeof(TEntity).GetMember(propertyName, BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        if (clash.Length > 0)
        {
            throw new ConfigurationException(
                nameof(HasWriteBehindVersion),
                $"{typeof(TEntity).Name} has a member '{propertyName}' already, and it is not taken for the write-behind version unasked. " +
                $"Say HasWriteBehindVersion(x => x.{propertyName}) if it is meant to be (it must be a long that nothing else writes), " +
                "or give the shadow property another name: HasWriteBehindVersion(\"RowVersion\").");
        }

        Mark(builder.Property<long>(propertyName), columnName);
        return builder;
    }

    /// <summary>
    /// Takes an existing property for the version. Flushes set its column and loads fill it; the value in the state does not matter.
    /// Nothing else may write the column.
    /// </summary>
    /// <param name="builder">The entity.</param>
    /// <param name="property">The property.</param>
    /// <param name="columnName">The column; default: what the model says already.</param>
    public static EntityTypeBuilder<TEntity> HasWriteBehindVersion<TEntity>(
        this EntityTypeBuilder<TEntity> builder, Expression<Func<TEntity, long>> property, string? columnName = null)
        where TEntity : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        Mark(builder.Property(property), columnName);
        return builder;
    }

    // The default is the column's alone: EF Core must send the version even where it is 0, hence ValueGeneratedNever.
    private static void Mark(PropertyBuilder<long> property, string? columnName)
    {
        property
            .IsRequired()
            .IsConcurrencyToken()
            .HasDefaultValue(0L)
            .ValueGeneratedNever()
            .HasAnnotation(WriteBehindAnnotations.Version, true);
        if (columnName is not null)
        {
            property.HasColumnName(columnName);
        }
    }
}
