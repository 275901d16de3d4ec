using System.Text.Json;

namespace Cordon;

/// <summary>What a call of the library gave back when it did not fail.</summary>
internal readonly record struct Reply(CordonStatus Status, JsonElement Document)
{
    /// <summary>
    /// The document of a call that reads. A sign-in that waits for its person is an answer too, and its document says so.
    /// Throws for any other condition, also one of a newer library.
    /// </summary>
    internal JsonElement Answer =>
        Status is CordonStatus.Ok or CordonStatus.Pending ? Document : throw CordonException.NotSuccess(Status);

    /// <summary>
    /// Owns both texts from here on. Throws if the status is an error; what one above 0 means is the caller's to say.
    /// </summary>
    internal static Reply Take(int status, nint document, nint error)
    {
        if (status < 0) throw CordonException.Take(error);
        return new Reply((CordonStatus)status, NativeText.TakeJson(document));
    }

    /// <summary>For a call that is done or is not: throws for every status but 0.</summary>
    internal static void Expect(int status, nint error)
    {
        if (status < 0) throw CordonException.Take(error);
        if (status > 0) throw CordonException.NotSuccess((CordonStatus)status);
    }

    /// <summary>
    /// The request id that a recorded request has. Owns both texts. With a condition of a newer library it is not known
    /// what became of the request: that is an <see cref="OutcomeUnknownException"/>.
    /// </summary>
    /// <param name="given">The caller's own request id, if it gave one.</param>
    internal static string Recorded(int status, nint requestId, nint error, string? given)
    {
        if (status < 0) throw CordonException.Take(error);
        string? told = NativeText.Take(requestId);
        return status == 0 && told is not null ? told : throw CordonException.NotKnown((CordonStatus)status, told ?? given);
    }
}
