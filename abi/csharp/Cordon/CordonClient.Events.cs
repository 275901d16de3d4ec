using System.Runtime.CompilerServices;

namespace Cordon;

/// <summary>Whose records an event reader wants.</summary>
public enum EventScope
{
    /// <summary>Those of this client.</summary>
    Client,

    /// <summary>Those of everybody who works on the same ledger.</summary>
    All,
}

/// <summary>Which records of the journal are wanted.</summary>
public sealed record EventOptions
{
    /// <summary>Cursor of the last event that is known already.</summary>
    public long? After { get; init; }

    public EventScope Scope { get; init; }
}

public sealed partial class CordonClient
{
    /// <summary>Cursor of the last event that <see cref="NextEventAsync"/> gave; the pump has one of its own.</summary>
    private long _lastRead;

    /// <summary>
    /// The journal's records, one after the other, then those to come, until the token is cancelled. Nothing is dropped
    /// and nobody else misses what is read here; a reader that was killed goes on from the cursor it kept. Holds no thread.
    /// </summary>
    /// <param name="options"><see cref="EventOptions.After"/> left out: those since this client was opened.</param>
    public async IAsyncEnumerable<CordonEvent> EventsAsync(EventOptions? options = null,
                                                           [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        EventOptions wanted = options ?? new EventOptions();
        wanted = wanted with { After = wanted.After ?? _firstCursor };
        using EventPump.Subscription news = _pump.Subscribe(null);
        while (true)
        {
            Task next = news.News;
            while (await OffThreadAsync(() => EventAfter(wanted), cancellationToken).ConfigureAwait(false) is { } record)
            {
                yield return record;
                wanted = wanted with { After = record.Cursor };
            }
            await next.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Reads one event. Nothing is consumed: whoever asks with the same cursor gets the same event.</summary>
    /// <param name="wait">How long to wait for one; zero: only what is there. Holds no thread.</param>
    /// <param name="options"><see cref="EventOptions.After"/> left out: behind the last one that was read by this method.</param>
    /// <returns>Null when there was none within the time.</returns>
    public async Task<CordonEvent?> NextEventAsync(TimeSpan wait = default, EventOptions? options = null,
                                                   CancellationToken cancellationToken = default)
    {
        long end = Environment.TickCount64 + Milliseconds.Of(wait, nameof(wait));
        EventOptions wanted = options ?? new EventOptions();
        wanted = wanted with { After = wanted.After ?? Interlocked.Read(ref _lastRead) };
        CordonEvent? record = await OffThreadAsync(() => EventAfter(wanted), cancellationToken).ConfigureAwait(false);
        if (record is null && wait > TimeSpan.Zero)
        {
            using EventPump.Subscription news = _pump.Subscribe(null);
            while (record is null)
            {
                Task next = news.News;
                record = await OffThreadAsync(() => EventAfter(wanted), cancellationToken).ConfigureAwait(false);
                long left = end - Environment.TickCount64;
                if (record is not null || left <= 0) break;
                await next.WaitAsync(TimeSpan.FromMilliseconds(left), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        if (record is not null) Interlocked.Exchange(ref _lastRead, record.Cursor);
        return record;
    }

    private CordonEvent? EventAfter(EventOptions options)
    {
        int status = Native.NextEvent(_handle, JsonWriting.EventOptions(options), 0, out nint text, out nint error);
        var reply = Reply.Take(status, text, error);
        return reply.Status switch
        {
            CordonStatus.Ok => new CordonEvent(reply.Document),
            CordonStatus.NoEvent => null,
            _ => throw CordonException.NotSuccess(reply.Status),
        };
    }
}
