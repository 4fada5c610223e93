using Microsoft.EntityFrameworkCore;

namespace WriteBehind.EntityFrameworkCore.Tests.Support;

/// <summary>A model that a test makes up.</summary>
internal sealed class AdHocModel(Action<ModelBuilder> build)
{
    public void Build(ModelBuilder modelBuilder) => build(modelBuilder);
}
