using System.Text.Json;
using System.Text.Json.Nodes;

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
    internal static CordonException ClientEnded() =>
        Of(CordonStatus.ShuttingDown, "the client was ended; its requests go on with the next client of this ledger");

    /// <summary>For a call that ended with a condition where there should be success or an error.</summary>
    internal static CordonException NotSuccess(CordonStatus status) => Of(status, $"{Ended(status)}; do not count it as done");

    /// <summary>The same of a call that records a request, of which it is not known now whether it will be sent.</summary>
    internal static CordonException NotKnown(CordonStatus status, string? requestId) =>
        Of(status, $"{Ended(status)}; do not repeat the request, look for it in the ledger", outcomeUnknown: true, requestId);

    private static string Ended(CordonStatus status) =>
        $"the call ended with status {(int)status}, {CordonLibrary.NameOf(status)}, which this version of the package does not know as its success";

    private static CordonException Of(CordonStatus status, string message, bool outcomeUnknown = false, string? requestId = null)
    {
        var error = new JsonObject
        {
            ["status"] = (int)status,
            ["name"] = CordonLibrary.NameOf(status),
            ["message"] = message,
            ["retryable"] = false,
            ["outcome_unknown"] = outcomeUnknown,
            ["request_id"] = requestId,
        };
        using JsonDocument document = JsonDocument.Parse(error.ToJsonString());
        return From(new CordonError(document.RootElement.Clone()));
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
