// The conformance program in C#: see ../README.md.
//
//   Conformance LIBRARY
using System.Text;
using System.Text.Json.Nodes;
using Cordon.Conformance;

Cordon.CordonLibrary.Path = args[0];
using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
using Stream output = Console.OpenStandardOutput();
var player = new Player();
while (await input.ReadLineAsync() is { } line)
{
    var step = (JsonObject)JsonNode.Parse(line)!;
    Answer answer = await player.AnswerInTurnAsync(step);
    var document = new JsonObject
    {
        ["error"] = answer.Error, ["result"] = answer.Result, ["status"] = answer.Status, ["step"] = (string)step["step"]!,
    };
    output.Write(Encoding.UTF8.GetBytes(Canonical.Text(document) + "\n"));
    output.Flush();
}
