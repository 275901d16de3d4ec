// Warm reads through the C# binding: see bindings.py.
//
//   Read LIBRARY CONFIG MACHINE
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Cordon;

CordonLibrary.Path = args[0];
await using CordonClient client = await CordonClient.OpenAsync(await File.ReadAllTextAsync(args[1]));
Console.WriteLine("ready");
while (Console.ReadLine() is { } line)
{
    var took = new double[int.Parse(line, CultureInfo.InvariantCulture)];
    for (int call = 0; call < took.Length; ++call)
    {
        long start = Stopwatch.GetTimestamp();
        await client.ReadAsync(Operations.GetMachine, new JsonObject { ["machine_id"] = args[2] });
        took[call] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
    }
    Array.Sort(took);
    Console.WriteLine(took[took.Length / 2].ToString("F1", CultureInfo.InvariantCulture));
}
