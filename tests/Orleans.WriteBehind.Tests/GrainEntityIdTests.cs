namespace Orleans.WriteBehind.Tests;

public sealed class GrainEntityIdTests
{
    private static readonly Guid Key = Guid.Parse("0F0E0D0C-0B0A-0908-0706-050403020100");

    public static TheoryData<object?, IdSpan, string> Keys => new()
    {
        { new TextKey(), IdSpan.Create("row|7"), "row|7" },
        { new IntegerKey(), GrainIdKeyExtensions.CreateIntegerKey(-16), "-16" },
        { new IntegerKeyAndText(), GrainIdKeyExtensions.CreateIntegerKey(16, "row|7"), @"16|row\|7" },
        { new GuidKey(), GrainIdKeyExtensions.CreateGuidKey(Key), "0f0e0d0c-0b0a-0908-0706-050403020100" },
        { new GuidKeyAndText(), GrainIdKeyExtensions.CreateGuidKey(Key, @"a\b"), @"0f0e0d0c-0b0a-0908-0706-050403020100|a\\b" },
        { null, GrainIdKeyExtensions.CreateIntegerKey(16), "10" },
    };

    [Theory]
    [MemberData(nameof(Keys))]
    public void An_id_is_the_grains_key_as_its_table_reads_it(object? grain, IdSpan key, string id)
        => Assert.Equal(id, GrainEntityId.Of(grain, GrainId.Create(GrainType.Create("any"), key)));

    private sealed class TextKey : IGrainWithStringKey;

    private sealed class IntegerKey : IGrainWithIntegerKey;

    private sealed class IntegerKeyAndText : IGrainWithIntegerCompoundKey;

    private sealed class GuidKey : IGrainWithGuidKey;

    private sealed class GuidKeyAndText : IGrainWithGuidCompoundKey;
}
