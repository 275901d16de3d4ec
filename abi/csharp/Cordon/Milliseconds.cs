namespace Cordon;

/// <summary>Durations as the library takes them.</summary>
internal static class Milliseconds
{
    /// <summary>The configuration's default.</summary>
    internal const int Default = -1;

    internal static int Of(TimeSpan? duration, string name) => duration is { } given ? Of(given, name) : Default;

    /// <summary>Rounded up, so that a short time is not "none". Endless and negative times are refused.</summary>
    internal static int Of(TimeSpan duration, string name)
    {
        double milliseconds = Math.Ceiling(duration.TotalMilliseconds);
        if (milliseconds is < 0 or > int.MaxValue)
            throw new ArgumentOutOfRangeException(name, "a duration from 0 to 24 days is needed; leave it out for the default");
        return (int)milliseconds;
    }
}
