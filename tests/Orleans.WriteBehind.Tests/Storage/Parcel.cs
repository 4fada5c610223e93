using System.Numerics;

namespace Orleans.WriteBehind.Tests.Storage;

/// <summary>A state as Orleans users store it, and as System.Text.Json alone can't keep it.</summary>
[GenerateSerializer]
public sealed class Parcel
{
    [Id(0)]
    public IContent? First { get; set; }

    [Id(1)]
    public List<Label> Labels { get; set; } = [];

    [Id(2)]
    public List<object> Events { get; set; } = [];

    [Id(3)]
    public BigInteger Weight { get; set; }

    [Id(4)]
    public (string From, string To) Way { get; set; }

    public static Parcel New() => new()
    {
        First = new Book { Pages = 7, Title = "a \0 b" },
        Labels = [new Label { Text = "a" }, new FragileLabel { Text = "b", Height = 3 }],
        Events = [new Sent { By = "Ada" }, new Book { Pages = 8 }],
        Weight = BigInteger.Pow(10, 30),
        Way = ("Bonn", "Møn"),
    };

    public void AssertSame(Parcel? other)
    {
        Assert.Equal((7, "a \0 b"), (Assert.IsType<Book>(other!.First).Pages, ((Book)other.First!).Title));
        Assert.Equal(3, Assert.IsType<FragileLabel>(other.Labels[1]).Height);
        Assert.Equal("Ada", Assert.IsType<Sent>(other.Events[0]).By);
        Assert.Equal(8, Assert.IsType<Book>(other.Events[1]).Pages);
        Assert.Equal((Weight, Way), (other.Weight, other.Way));
    }
}

public interface IContent;

[GenerateSerializer]
public sealed class Book : IContent
{
    [Id(0)]
    public int Pages { get; set; }

    [Id(1)]
    public string Title { get; set; } = "";
}

[GenerateSerializer]
public class Label
{
    [Id(0)]
    public string Text { get; set; } = "";
}

[GenerateSerializer]
public sealed class FragileLabel : Label
{
    [Id(0)]
    public int Height { get; set; }
}

[GenerateSerializer]
public sealed class Sent
{
    [Id(0)]
    public string By { get; set; } = "";
}

/// <summary>Fine for System.Text.Json until a label is a fragile one.</summary>
[GenerateSerializer]
public sealed class Labelled
{
    [Id(0)]
    public List<Label> Labels { get; set; } = [];
}

/// <summary>Holds what no JSON shows.</summary>
public sealed class Secretive
{
    private int _hits;

    public string Name { get; set; } = "";

    public void Hit() => _hits++;

    public int Hits() => _hits;
}
