using System.Text.Json;

namespace Cordon;

/// <summary>
/// A call that failed. From an acting call it means that nothing was sent and nothing will be, except when it is an
/// <see cref="OutcomeUnknownException"/>.
/// </summary>
public class CordonException : Exception
{
    internal CordonException(CordonError error) : base(error.Message) => Error = error;

    public CordonStatus Status => Error.Status;

    public CordonError Error { get; }

    /// <summary>Reads the library's error and gives it back.</summary>
    internal static CordonException Take(nint error)
    {
        try
        {
            return From(new CordonError(NativeText.ParseJson(Native.ErrorJson(error))));
        }
        finally
        {
            Native.ErrorFree(error);
        }
    }

    /// <summary>For a wait that the library can no longer be asked about, because its client has ended.</summary>
    internal static CordonException ClientEnded()
    {
        using JsonDocument document = JsonDocument.Parse($$"""
            {"status": {{(int)CordonStatus.ShuttingDown}}, "name": "{{CordonLibrary.NameOf(CordonStatus.ShuttingDown)}}", "retryable": false,
             "message": "the client was ended; its requests go on with the next client of this ledger", "outcome_unknown": false}
            """);
        return new CordonException(new CordonError(document.RootElement.Clone()));
    }

    internal static CordonException From(CordonError error) =>
        error.OutcomeUnknown ? new OutcomeUnknownException(error) : new CordonException(error);
}

/// <summary>
/// The request may have reached the service and no answer came. Do not repeat it: follow <see cref="RequestId"/>.
/// Cordon goes on looking.
/// </summary>
public sealed class OutcomeUnknownException : CordonException
{
    internal OutcomeUnknownException(CordonError error) : base(error)
    {
    }

    public string RequestId => Error.RequestId ?? "";
}
