using System.Text.Json;
using System.Text.Json.Serialization;
using WriteBehind.Buffer;

namespace WriteBehind.Tests.States;

/// <summary>What a newer release wrote and this one does not know is left to the newer one, wherever in a state it stands.</summary>
public sealed class NewerReleaseTests
{
    private static readonly New.State Known = new(new("a"), [new("b")], new() { ["k"] = new("c") });

    public static TheoryData<string, string> Unknown { get; } = new()
    {
        { "a member", """{"Pin":"1234"}""" },
        { "a member of a member", """{"One":{"Name":"a","Shelf":"B7"}}""" },
        { "a member of a list's element", """{"Many":[{"Name":"a"},{"Name":"b","Shelf":"B7"}]}""" },
        { "a member of a dictionary's value", """{"Named":{"k":{"Name":"a","Shelf":"B7"}}}""" },
        { "a member of one derived class", """{"Pets":[{"$type":"dog","Name":"Rex","Chip":1}]}""" },
        { "a derived class", """{"Pets":[{"$type":"dog","Name":"Rex"},{"$type":"cat","Name":"Tom"}]}""" },
        { "a derived class named after its members", """{"Pets":[{"Name":"Tom","$type":"cat"}]}""" },
        { "a derived class that a number tells", """{"Rated":{"kind":7}}""" },
        { "a derived class where the base would do", """{"Loose":{"$type":"new"}}""" },
        { "a name of an enum", """{"Colour":"Blue"}""" },
        { "a name of an enum by a member's converter", """{"Tint":"Blue"}""" },
        { "a name of an enum that may be null", """{"Maybe":"Blue"}""" },
        { "a name of an enum in a list", """{"Colours":["Red","Blue"]}""" },
        { "a name of an enum as a key", """{"Counts":{"Red":1,"Blue":2}}""" },
        { "a name among flags", """{"Rights":"Read, Erase"}""" },
        { "a number that the enum has no room for", """{"Small":300}""" },
        { "several of them", """{"Pin":"1234","Colour":"Blue","Pets":[{"$type":"cat"}]}""" },
    };

    [Theory]
    [MemberData(nameof(Unknown))]
    public void It_is_left_to_those_who_know(string what, string body)
    {
        var error = Assert.Throws<PayloadException>(() => CodecOf<Old.State>().Decode("a", Payload(body)));

        Assert.True(error.Problem == PayloadProblem.NewerSchema, $"{what}: {error.Message}");
    }

    [Theory]
    [InlineData("""{"One":""")]
    [InlineData("""{"One":7}""")]
    [InlineData("""{"Colour":{}}""")]
    [InlineData("""{"Pets":[7]}""")]
    [InlineData("""{"Many":[{"Name":7}]}""")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("Blue")]
    public void What_no_release_wrote_is_unreadable(string body)
    {
        var error = Assert.Throws<PayloadException>(() => CodecOf<Old.State>().Decode("a", Payload(body)));

        Assert.Equal(PayloadProblem.Unreadable, error.Problem);
    }

    [Fact]
    public void The_older_release_reads_what_it_knows_and_the_newer_one_reads_all()
    {
        var body = CodecOf<New.State>().Encode("a", Known);

        Assert.Equal("b", Assert.Single(CodecOf<Old.State>().Decode("a", body).Many!).Name);
        var full = Known with { Pets = [new New.Cat { Name = "Tom" }], Colour = New.Colour.Blue };
        var back = CodecOf<New.State>().Decode("a", CodecOf<New.State>().Encode("a", full));
        Assert.Equal((New.Colour.Blue, "Tom"), (back.Colour, Assert.IsType<New.Cat>(Assert.Single(back.Pets!)).Name));
    }

    private static byte[] Payload(string body) => [0xB5, 1, 1, 1, 0, .. System.Text.Encoding.UTF8.GetBytes(body)];

    private static PayloadCodec<TState> CodecOf<TState>()
        where TState : class
        => new(new EntityTypeOptions<TState>("shape")
        {
            Serializer = new JsonStateSerializer<TState>(
                new JsonSerializerOptions { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull }),
        });

    private static class Old
    {
        public sealed record State(Part? One = null, List<Part>? Many = null, Dictionary<string, Part>? Named = null)
        {
            public List<Pet>? Pets { get; set; }

            public Rated? Rated { get; set; }

            public Loose? Loose { get; set; }

            public Colour Colour { get; set; }

            [JsonConverter(typeof(JsonStringEnumConverter))]
            public DayOfWeek Tint { get; set; }

            public Colour? Maybe { get; set; }

            public List<Colour>? Colours { get; set; }

            public Dictionary<Colour, int>? Counts { get; set; }

            public Rights Rights { get; set; }

            public Small Small { get; set; }
        }

        public sealed record Part(string Name);

        [JsonPolymorphic(UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
        [JsonDerivedType(typeof(Dog), "dog")]
        public abstract class Pet
        {
            public string? Name { get; set; }
        }

        public sealed class Dog : Pet;

        [JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
        [JsonDerivedType(typeof(Star), 1)]
        public class Rated;

        public sealed class Star : Rated;

        [JsonPolymorphic(IgnoreUnrecognizedTypeDiscriminators = true)]
        [JsonDerivedType(typeof(Tight), "tight")]
        public class Loose;

        public sealed class Tight : Loose;

        [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
        public enum Colour
        {
            Red,
            Green,
        }

        [Flags]
        [JsonConverter(typeof(JsonStringEnumConverter<Rights>))]
        public enum Rights
        {
            None = 0,
            Read = 1,
            Write = 2,
        }

#pragma warning disable CA1028 // How many bytes it has is what the test is about.
        public enum Small : byte
#pragma warning restore CA1028
        {
            None,
        }
    }

    private static class New
    {
        public sealed record State(Part? One = null, List<Part>? Many = null, Dictionary<string, Part>? Named = null)
        {
            public List<Pet>? Pets { get; set; }

            public Colour Colour { get; set; }
        }

        public sealed record Part(string Name, string? Shelf = null);

        [JsonDerivedType(typeof(Dog), "dog")]
        [JsonDerivedType(typeof(Cat), "cat")]
        public abstract class Pet
        {
            public string? Name { get; set; }
        }

        public sealed class Dog : Pet;

        public sealed class Cat : Pet;

        [JsonConverter(typeof(JsonStringEnumConverter<Colour>))]
        public enum Colour
        {
            Red,
            Green,
            Blue,
        }
    }
}
