using System.Text.Json;

namespace Cordon;

/// <summary>Members of a document by name; what is absent, null or of another type is null.</summary>
internal static class JsonReading
{
    internal static JsonElement Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement member) ? member : default;

    internal static string? Text(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } member ? member.GetString() : null;

    internal static string RequiredText(this JsonElement json, string name) =>
        json.Text(name) ?? throw new FormatException($"a document of libcordon has no \"{name}\"");

    internal static ActionState? State(this JsonElement json, string name) =>
        json.Text(name) is { } state ? new ActionState(state) : null;

    internal static long? Integer(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } member && member.TryGetInt64(out long value) ? value : null;

    internal static bool Flag(this JsonElement json, string name) => json.Member(name).ValueKind == JsonValueKind.True;

    internal static DateTimeOffset? Time(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } member && member.TryGetDateTimeOffset(out DateTimeOffset time)
            ? time
            : null;

    internal static T? View<T>(this JsonElement json, string name, Func<JsonElement, T> view) where T : class =>
        json.Member(name) is { ValueKind: JsonValueKind.Object } member ? view(member) : null;

    internal static IReadOnlyDictionary<string, string> TextMap(this JsonElement json, string name)
    {
        var map = new Dictionary<string, string>();
        if (json.Member(name) is not { ValueKind: JsonValueKind.Object } member) return map;
        foreach (JsonProperty entry in member.EnumerateObject())
            if (entry.Value.ValueKind == JsonValueKind.String) map[entry.Name] = entry.Value.GetString()!;
        return map;
    }
}
