using System.Linq.Expressions;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Query;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace WriteBehind.EntityFrameworkCore.Model;

/// <summary>
/// Compiles the way from a state to a value on the wire (member, value converter, adaptation) into one delegate, so that filling
/// an array costs no reflection and no boxing per row.
/// </summary>
internal static class PropertyReader
{
    /// <summary>The member EF Core would read; null for shadow and indexer properties.</summary>
    public static MemberInfo? Member(IPropertyBase property)
        => property.PropertyInfo is { GetMethod: not null } getter ? getter : property.FieldInfo;

    /// <summary>
    /// A <c>Func&lt;TState, T&gt;</c>, where T is the wire's CLR type, nullable for nullable value types.
    /// </summary>
    public static LambdaExpression Build<TState>(IProperty property, WireType wire)
    {
        var state = Expression.Parameter(typeof(TState), "state");
        var member = Member(property)!;
        var value = Expression.MakeMemberAccess(Expression.Convert(state, member.DeclaringType!), member);
        var converter = property.GetRelationalTypeMapping().Converter;
        return Expression.Lambda(Convert(value, converter, wire), state);
    }

    private static Expression Convert(Expression value, ValueConverter? converter, WireType wire)
    {
        var underlying = Nullable.GetUnderlyingType(value.Type);
        if (underlying is null && value.Type.IsValueType)
        {
            return ConvertValue(value, converter, wire);
        }

        if (converter is null && wire.Adapt is null && value.Type == wire.ClrType)
        {
            return value;
        }

        // Nulls pass converters by, as in EF Core. The member is read once: a getter may be costly.
        var held = Expression.Variable(value.Type, "value");
        var content = underlying is null ? (Expression)held : Expression.Property(held, nameof(Nullable<>.Value));
        var converted = ConvertValue(content, converter, wire);
        var result = converted.Type.IsValueType ? typeof(Nullable<>).MakeGenericType(converted.Type) : converted.Type;
        return Expression.Block(
            [held],
            Expression.Assign(held, value),
            Expression.Condition(
                Expression.Equal(held, Expression.Constant(null, value.Type)),
                Expression.Default(result),
                Expression.Convert(converted, result)));
    }

    private static Expression ConvertValue(Expression value, ValueConverter? converter, WireType wire)
    {
        value = converter is null ? value : Apply(converter.ConvertToProviderExpression, value);
        value = wire.Adapt is null ? value : Apply(wire.Adapt, value);
        return value.Type == wire.ClrType ? value : Expression.Convert(value, wire.ClrType);
    }

    private static Expression Apply(LambdaExpression function, Expression argument)
    {
        var parameter = function.Parameters[0];
        var fitting = argument.Type == parameter.Type ? argument : Expression.Convert(argument, parameter.Type);
        return ReplacingExpressionVisitor.Replace(parameter, fitting, function.Body);
    }
}
