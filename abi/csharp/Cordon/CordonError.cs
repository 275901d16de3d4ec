using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Cordon;

/// <summary>What the library says about an error. It never holds a secret, a body or a configured value.</summary>
public sealed class CordonError
{
    private readonly JsonElement _json;

    internal CordonError(JsonElement json) => _json = json;

    /// <summary>The document as the library gave it, with members that this binding does not know.</summary>
    public JsonElement Json => _json;

    public CordonStatus Status => (CordonStatus)(_json.Integer("status") ?? (long)CordonStatus.Internal);

    /// <summary>The status' constant, "CORDON_E_DEADLINE".</summary>
    public string Name => _json.Text("name") ?? "";

    /// <summary>One English line: what, where, what to do.</summary>
    public string Message => _json.Text("message") ?? "";

    public bool Retryable => _json.Flag("retryable");

    /// <summary>The request may be at the service: do not repeat it, follow its <see cref="RequestId"/>.</summary>
    public bool OutcomeUnknown => _json.Flag("outcome_unknown");

    public TimeSpan? RetryAfter => _json.Integer("retry_after_ms") is { } ms ? TimeSpan.FromMilliseconds(ms) : null;

    public int? HttpStatus => (int?)_json.Integer("http_status");

    /// <summary>The service's own word for the error.</summary>
    public string? ServiceCode => _json.Text("service_code");

    /// <summary>By which the service's operator finds the call.</summary>
    public string? ServiceCorrelationId => _json.Text("service_correlation_id");

    public string? RequestId => _json.Text("request_id");

    public string? ActionId => _json.Text("action_id");

    /// <summary>JSON pointer to the member of the request, the options or the configuration that is wrong.</summary>
    [SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "it is a JSON pointer")]
    public string? Pointer => _json.Text("pointer");
}
