namespace Cordon;

/// <summary>
/// What is known of an action: it was done, it is under way, or it was not done. There is no "ok": a caller names what
/// happens in each of the three cases, by <see cref="Match{T}"/> or by a switch over the three types.
/// </summary>
public abstract record ActionResult
{
    private ActionResult(CordonStatus status, ContainmentAction action)
    {
        Status = status;
        Action = action;
    }

    public CordonStatus Status { get; }

    public ContainmentAction Action { get; }

    /// <summary>The service said that the device did it.</summary>
    public sealed record Succeeded : ActionResult
    {
        internal Succeeded(CordonStatus status, ContainmentAction action) : base(status, action)
        {
        }
    }

    /// <summary>The service, or Cordon, holds the request; it has not ended. Nothing is contained yet.</summary>
    public sealed record Pending : ActionResult
    {
        internal Pending(CordonStatus status, ContainmentAction action) : base(status, action)
        {
        }
    }

    /// <summary>
    /// It ended otherwise: failed, given up, cancelled, rejected, never sent, or only checked. <see cref="Status"/> says
    /// which; a number that is new to this package belongs here too.
    /// </summary>
    public sealed record NotDone : ActionResult
    {
        internal NotDone(CordonStatus status, ContainmentAction action) : base(status, action)
        {
        }
    }

    public T Match<T>(Func<Succeeded, T> succeeded, Func<Pending, T> pending, Func<NotDone, T> notDone) => this switch
    {
        Succeeded done => succeeded(done),
        Pending open => pending(open),
        NotDone other => notDone(other),
        _ => throw new InvalidOperationException(),
    };

    /// <summary>Reads what an acting call or a poll gave back, and gives the texts back.</summary>
    internal static ActionResult Take(int status, nint action, nint error)
    {
        var reply = Reply.Take(status, action, error);
        var document = new ContainmentAction(reply.Document);
        return reply.Status switch
        {
            CordonStatus.Ok => new Succeeded(reply.Status, document),
            CordonStatus.Pending => new Pending(reply.Status, document),
            _ => new NotDone(reply.Status, document),
        };
    }
}
