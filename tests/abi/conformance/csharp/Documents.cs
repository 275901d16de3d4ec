using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon.Conformance;

/// <summary>Typed documents under the contract's names, from their typed members alone.</summary>
internal static class Documents
{
    internal static JsonObject Of(object typed)
    {
        var json = new JsonObject();
        foreach (PropertyInfo member in typed.GetType().GetProperties())
        {
            if (member.Name == nameof(CordonEvent.Json)) continue;
            string name = JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name);
            json[member.PropertyType == typeof(TimeSpan?) ? name + "_ms" : name] = Node(member.GetValue(typed));
        }
        return json;
    }

    private static JsonNode? Node(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag,
        int number => number,
        long number => number,
        CordonStatus status => (int)status,
        ActionState state => state.Name,
        TimeSpan time => (long)time.TotalMilliseconds,
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        JsonElement { ValueKind: JsonValueKind.Undefined } => null,
        JsonElement element => JsonNode.Parse(element.GetRawText()),
        IReadOnlyDictionary<string, string> map => TextMap(map),
        _ => Of(value),
    };

    private static JsonObject TextMap(IReadOnlyDictionary<string, string> map)
    {
        var json = new JsonObject();
        foreach ((string key, string text) in map) json[key] = text;
        return json;
    }
}
