using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cordon;

public sealed partial class CordonClient
{
    private static readonly TimeSpan s_lookAgain = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_lookAgainForUnknown = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Restricts app execution on a device: only programs signed by a Microsoft-issued certificate may start afterwards.
    /// Ends when the service holds the action; <see cref="FollowAsync(ActionResult, TimeSpan?, CancellationToken)"/> waits
    /// for its end.
    /// </summary>
    /// <param name="machineId">The device's id at the service: 40 hex digits.</param>
    /// <param name="comment">Why; stored by the service with the action.</param>
    /// <param name="timeout">The deadline of the call.</param>
    /// <exception cref="OutcomeUnknownException">Bytes may have left and no answer came: do not repeat, follow.</exception>
    /// <exception cref="CordonException">Nothing was sent and nothing will be, or the service refused.</exception>
    /// <exception cref="OperationCanceledException">Nothing was sent and nothing will be.</exception>
    public Task<ActionResult> RestrictCodeExecutionAsync(string machineId, string comment, CallOptions? options = null,
                                                         TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        NativeText.Check(machineId, nameof(machineId));
        NativeText.Check(comment, nameof(comment));
        return CallAsync(options, timeout, callId => JsonWriting.Options(options, callId), (json, milliseconds) =>
        {
            int status = Native.RestrictCodeExecution(_handle, machineId, comment, json, milliseconds, out nint action, out nint error);
            return ActionResult.Take(status, action, error);
        }, cancellationToken);
    }

    /// <summary>
    /// Stops a running file on a device, quarantines it and removes its persistence. There is no undo by API. All else as
    /// <see cref="RestrictCodeExecutionAsync"/>.
    /// </summary>
    /// <param name="sha1">The file's SHA-1: 40 hex digits; the service takes no SHA-256 or MD5 here.</param>
    public Task<ActionResult> StopAndQuarantineAsync(string machineId, string sha1, string comment, CallOptions? options = null,
                                                     TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        NativeText.Check(machineId, nameof(machineId));
        NativeText.Check(sha1, nameof(sha1));
        NativeText.Check(comment, nameof(comment));
        return CallAsync(options, timeout, callId => JsonWriting.Options(options, callId), (json, milliseconds) =>
        {
            int status = Native.StopAndQuarantine(_handle, machineId, sha1, comment, json, milliseconds, out nint action, out nint error);
            return ActionResult.Take(status, action, error);
        }, cancellationToken);
    }

    /// <summary>
    /// Any operation that acts on a device. All else as <see cref="RestrictCodeExecutionAsync"/>.
    /// </summary>
    /// <param name="operation">One of <see cref="Operations"/> whose kind is "action" in the manifest.</param>
    /// <param name="parameters">Its parameters, as the manifest names them. Read before this returns.</param>
    public Task<ActionResult> ActAsync(string operation, JsonObject parameters, CallOptions? options = null,
                                       TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        NativeText.Check(operation, nameof(operation));
        if (OperationKinds.Of(operation) is OperationKind.Reads)
            throw new ArgumentException($"{operation} does not act on a device; use {nameof(ReadAsync)}", nameof(operation));
        return CallAsync(options, timeout, callId => JsonWriting.Request(parameters, options, callId), (json, milliseconds) =>
        {
            int status = Native.Call(_handle, operation, json, milliseconds, out nint action, out nint error);
            return ActionResult.Take(status, action, error);
        }, cancellationToken);
    }

    /// <summary>Any operation that reads, at the service or in the ledger.</summary>
    /// <param name="operation">One of <see cref="Operations"/> whose kind is not "action" in the manifest.</param>
    /// <returns>The operation's result.</returns>
    public Task<JsonElement> ReadAsync(string operation, JsonObject? parameters = null, CallOptions? options = null,
                                       TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        NativeText.Check(operation, nameof(operation));
        if (OperationKinds.Of(operation) is OperationKind.Acts)
            throw new ArgumentException($"{operation} answers with an action; use {nameof(ActAsync)} or {nameof(PollActionAsync)}", nameof(operation));
        return CallAsync(options, timeout, callId => JsonWriting.Request(parameters, options, callId),
                         (json, milliseconds) => Read(operation, json, milliseconds).Answer, cancellationToken);
    }

    /// <summary>
    /// Records a request durably and returns its id: recorded, not done. It is sent in the background, by this process or
    /// the next one, until <see cref="CallOptions.ValidFor"/> (15 minutes) is over. The way to act on many devices at once.
    /// </summary>
    public Task<string> SubmitAsync(string operation, JsonObject parameters, CallOptions? options = null)
    {
        NativeText.Check(operation, nameof(operation));
        string? json = JsonWriting.Request(parameters, options, null), given = options?.RequestId;
        return Task.Run(() =>
        {
            int status = Native.Submit(_handle, operation, json, out nint requestId, out nint error);
            return Reply.Recorded(status, requestId, error, given);
        });
    }

    /// <summary>Tells where an action stands.</summary>
    /// <param name="id">The service's action id, or a request id.</param>
    /// <param name="wait">How long to wait for its end, holding one of the client's call threads; zero: what the ledger knows.</param>
    /// <exception cref="OutcomeUnknownException">It is not known whether the request arrived.</exception>
    public Task<ActionResult> PollActionAsync(string id, TimeSpan wait = default, CallOptions? options = null,
                                              CancellationToken cancellationToken = default)
    {
        NativeText.Check(id, nameof(id));
        if (wait > TimeSpan.Zero)
            return CallAsync(options, wait, callId => JsonWriting.Options(options, callId),
                             (json, milliseconds) => Poll(id, json, milliseconds), cancellationToken);
        int none = Milliseconds.Of(wait, nameof(wait));
        string? written = JsonWriting.Options(options, null);
        return Task.Run(() => Poll(id, written, none), cancellationToken);
    }

    /// <summary>Follows a request to its end. Holds no thread: thousands may be followed at once.</summary>
    /// <param name="requestId">The request's id, or the id of an action that the ledger knows.</param>
    /// <param name="timeout">How long; left out: until it ends or the token is cancelled.</param>
    /// <returns>How it ended; <see cref="ActionResult.Pending"/> if the time was over first.</returns>
    /// <exception cref="OutcomeUnknownException">The time was over and it is still not known whether it arrived.</exception>
    public async Task<ActionResult> FollowAsync(string requestId, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        NativeText.Check(requestId, nameof(requestId));
        long? end = timeout is { } given ? Environment.TickCount64 + Milliseconds.Of(given, nameof(timeout)) : null;
        bool attend = true;
        EventPump.Subscription news = _pump.Subscribe(requestId);
        try
        {
            while (true)
            {
                Task next = news.News;
                OutcomeUnknownException? unknown = null;
                ActionResult? result = null;
                try
                {
                    result = await OffThreadAsync(() => attend ? Attend(requestId) : Poll(requestId, null, 0), cancellationToken).ConfigureAwait(false);
                }
                catch (OutcomeUnknownException error)
                {
                    unknown = error;
                }
                attend = unknown is not null;
                if (result is not null and not ActionResult.Pending) return result;
                if (result?.Action.RequestId is { } ownId && ownId != news.RequestId)
                {
                    news.Dispose();
                    news = _pump.Subscribe(ownId);
                    continue;
                }
                TimeSpan pause = unknown is null ? s_lookAgain : s_lookAgainForUnknown;
                if (end is { } over)
                {
                    long left = over - Environment.TickCount64;
                    if (left <= 0) return result ?? throw unknown!;
                    pause = TimeSpan.FromMilliseconds(Math.Min(left, pause.TotalMilliseconds));
                }
                await next.WaitAsync(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            news.Dispose();
        }
    }

    /// <summary>Follows an action that is pending to its end; any other result comes back as it is.</summary>
    public Task<ActionResult> FollowAsync(ActionResult result, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result is not ActionResult.Pending) return Task.FromResult(result);
        return FollowAsync(result.Action.RequestId ?? result.Action.ActionId ?? "", timeout, cancellationToken);
    }

    /// <summary>Takes back a request of which no byte has left. Changes nothing at the service.</summary>
    /// <exception cref="CordonException"><see cref="CordonStatus.InvalidState"/> if it was sent or has ended.</exception>
    public Task WithdrawAsync(string requestId)
    {
        NativeText.Check(requestId, nameof(requestId));
        return Task.Run(() => Reply.Expect(Native.Withdraw(_handle, requestId, out nint error), error));
    }

    /// <summary>
    /// Wakes the waiting call that carries this <see cref="CallOptions.CallId"/>; for a host that cannot hand a
    /// cancellation token around. Changes nothing at the service.
    /// </summary>
    public Task InterruptAsync(string callId)
    {
        NativeText.Check(callId, nameof(callId));
        return Task.Run(() => Reply.Expect(Native.Interrupt(_handle, callId, out nint error), error));
    }

    /// <summary>
    /// Asks with a wait, if only for a moment: that makes the library look for a request that nobody works on. An id that
    /// the ledger does not know fails before the service is asked.
    /// </summary>
    private ActionResult Attend(string id)
    {
        try
        {
            ActionResult known = Poll(id, null, 0);
            if (known is not ActionResult.Pending) return known;
        }
        catch (OutcomeUnknownException)
        {
        }
        return Poll(id, null, 1);
    }

    private ActionResult Poll(string id, string? options, int milliseconds)
    {
        int status = Native.PollAction(_handle, id, options, milliseconds, out nint action, out nint error);
        return ActionResult.Take(status, action, error);
    }
}
