namespace WriteBehind.Tests.Support;

/// <summary>Ids that are allowed and that careless code trips over.</summary>
internal static class OddIds
{
    public static readonly IReadOnlyList<string> All =
    [
        "plain",
        "PLAIN",
        " ",
        " leading and trailing ",
        "a:b",
        "a",
        "{a}",
        "{",
        "}{",
        "{item:00}",
        "item:00}:dirty",
        "line\nbreak\r\n",
        "tab\t",
        "quote'\"`\\",
        "%00",
        "a|b",
        "$1; DROP TABLE items; --",
        "0",
        "-1",
        "1e3",
        "é",
        "e\u0301",
        "ß",
        "日本語",
        "\U0001F600",
        "\U0001F468\u200D\U0001F469\u200D\U0001F467",
        "\u202Eright to left",
        "\uFEFF",
        "\uFFFF",
        "\u0001",
        new string('x', 512),
        new string('é', 256),
    ];
}
