using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Win32.SafeHandles;

namespace Cordon.Tests;

/// <summary>Looks for bytes in this process' own memory.</summary>
internal static class Memory
{
    private const int Chunk = 1 << 16;

    /// <summary>
    /// How often the bytes whose complement this is lie in writable memory. The complement, lest the search finds itself.
    /// </summary>
    internal static int CopiesOf(byte[] complement)
    {
        Span<byte> chunk = stackalloc byte[Chunk]; // where no secret lies: a region that holds both would be read into itself
        using SafeFileHandle memory = File.OpenHandle("/proc/self/mem");
        int found = 0;
        foreach (string line in File.ReadAllLines("/proc/self/maps"))
        {
            Match region = Regex.Match(line, "^([0-9a-f]+)-([0-9a-f]+) rw");
            if (!region.Success) continue;
            long end = long.Parse(region.Groups[2].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            // Chunks overlap by what the bytes may lack at a chunk's end.
            for (long at = long.Parse(region.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture); at < end; at += Chunk - complement.Length)
            {
                int length = Read(memory, chunk[..(int)Math.Min(Chunk, end - at)], at);
                found += CountIn(chunk[..length], complement);
                chunk[..length].Clear();
            }
        }
        return found;
    }

    private static int Read(SafeFileHandle memory, Span<byte> chunk, long at)
    {
        try
        {
            return RandomAccess.Read(memory, chunk, at);
        }
        catch (IOException)
        {
            return 0; // reserved, and not there
        }
    }

    private static int CountIn(ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> complement)
    {
        int found = 0;
        for (int at = 0; at + complement.Length <= chunk.Length; ++at)
        {
            int next = chunk[at..].IndexOf((byte)~complement[0]);
            if (next < 0) return found;
            at += next;
            if (at + complement.Length > chunk.Length) return found;
            int matching = 1;
            while (matching < complement.Length && (byte)~chunk[at + matching] == complement[matching]) ++matching;
            if (matching == complement.Length) ++found;
        }
        return found;
    }
}
