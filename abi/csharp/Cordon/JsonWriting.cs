using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon;

/// <summary>The JSON that goes into the library.</summary>
internal static class JsonWriting
{
    private static readonly JsonWriterOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Null when nothing is set.</summary>
    internal static string? Options(CallOptions? options, string? callId)
    {
        if (options is null && callId is null) return null;
        return Write(writer => WriteOptions(writer, options, callId));
    }

    /// <summary>An operation's parameters together with the options.</summary>
    internal static string? Request(JsonObject? parameters, CallOptions? options, string? callId)
    {
        bool hasOptions = options is not null || callId is not null;
        if (hasOptions && parameters?.ContainsKey("options") == true)
            throw new ArgumentException("options are given twice: as an argument and among the parameters", nameof(options));
        if (parameters is null && !hasOptions) return null;
        return Write(writer =>
        {
            writer.WriteStartObject();
            writer.WriteFurther(parameters);
            if (hasOptions)
            {
                writer.WritePropertyName("options");
                WriteOptions(writer, options, callId);
            }
            writer.WriteEndObject();
        });
    }

    internal static string EventOptions(EventOptions options) => Write(writer =>
    {
        writer.WriteStartObject();
        if (options.After is { } after) writer.WriteNumber("after", after);
        writer.WriteString("scope", options.Scope == EventScope.All ? "all" : "client");
        writer.WriteEndObject();
    });

    internal static void WriteFurther(this Utf8JsonWriter writer, JsonObject? members)
    {
        if (members is null) return;
        foreach ((string name, JsonNode? value) in members)
        {
            writer.WritePropertyName(name);
            if (value is null) writer.WriteNullValue();
            else value.WriteTo(writer);
        }
    }

    internal static void WriteTextMap(this Utf8JsonWriter writer, string name, IReadOnlyDictionary<string, string> map)
    {
        writer.WriteStartObject(name);
        foreach ((string key, string value) in map) writer.WriteString(key, value);
        writer.WriteEndObject();
    }

    private static void WriteOptions(Utf8JsonWriter writer, CallOptions? options, string? callId)
    {
        writer.WriteStartObject();
        (callId is null ? options : (options ?? new CallOptions()) with { CallId = callId })?.WriteMembers(writer);
        writer.WriteEndObject();
    }

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_plain)) write(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
