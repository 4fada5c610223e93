using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>Keeps EF Core from taking the model of another test for this one's.</summary>
internal sealed class AdHocModelKey : IModelCacheKeyFactory
{
    public object Create(DbContext context, bool designTime) => (((AdHocContext)context).AdHocModel, designTime);
}
