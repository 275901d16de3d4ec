using System.Runtime.InteropServices;
using System.Text.Json;

namespace Cordon;

/// <summary>Texts of the library: UTF-8 that ends with NUL.</summary>
internal static unsafe class NativeText
{
    /// <summary>A text that the library keeps.</summary>
    internal static string Borrow(nint text) => Marshal.PtrToStringUTF8(text) ?? "";

    /// <summary>A text that is ours: copied and given back.</summary>
    internal static string? Take(nint text)
    {
        if (text == 0) return null;
        try
        {
            return Marshal.PtrToStringUTF8(text);
        }
        finally
        {
            Native.StringFree(text);
        }
    }

    /// <summary>A JSON text that is ours: read and given back. Undefined if there is none.</summary>
    internal static JsonElement TakeJson(nint text)
    {
        if (text == 0) return default;
        try
        {
            return ParseJson(text);
        }
        finally
        {
            Native.StringFree(text);
        }
    }

    internal static JsonElement ParseJson(nint text)
    {
        var reader = new Utf8JsonReader(MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)text));
        return JsonElement.ParseValue(ref reader);
    }

    /// <summary>C would take a text for ended at a NUL in its middle, and act on something else than it was told.</summary>
    internal static void Check(string text, string name)
    {
        ArgumentNullException.ThrowIfNull(text, name);
        if (text.Contains('\0')) throw new ArgumentException("the text holds a NUL character; remove it", name);
    }
}
