using System.Text.Json;

namespace Cordon;

/// <summary>What a call of the library gave back when it did not fail.</summary>
internal readonly record struct Reply(CordonStatus Status, JsonElement Document)
{
    /// <summary>Owns both texts from here on. Throws if the status is an error.</summary>
    internal static Reply Take(int status, nint document, nint error)
    {
        if (status < 0) throw CordonException.Take(error);
        return new Reply((CordonStatus)status, NativeText.TakeJson(document));
    }

    internal static void Expect(int status, nint error)
    {
        if (status < 0) throw CordonException.Take(error);
    }
}
