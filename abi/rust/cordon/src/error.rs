use std::fmt;
use std::time::Duration;

use crate::json::{milliseconds, optional, Value};
use crate::ErrorCode;

/// What a fallible call gives.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, in the library's words; never a secret, a body or a configured value. Its details are read as if
/// they were its own: `error.code`.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    details: Box<ErrorDetails>,
}

/// The details of an [`Error`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// Its kind.
    pub code: ErrorCode,
    /// One English line: what, where, what to do.
    pub message: String,
    /// The same call may succeed later.
    pub retryable: bool,
    /// Bytes may have left: do not repeat, follow `request_id`. Ask this and not `code`: an acting call whose memory ran
    /// out, or that met a defect, leaves its outcome unknown too.
    pub outcome_unknown: bool,
    /// When a retry makes sense.
    pub retry_after: Option<Duration>,
    /// The service's HTTP status.
    pub http_status: Option<i64>,
    /// The service's own code.
    pub service_code: Option<String>,
    /// What the service's support asks for.
    pub service_correlation_id: Option<String>,
    /// The request it is about.
    pub request_id: Option<String>,
    /// The action it is about.
    pub action_id: Option<String>,
    /// The member of the request, the options or the configuration that is wrong.
    pub pointer: Option<String>,
}

impl Error {
    /// An error of this crate, in the form of the library's.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Error {
        Error::of(code, message.into(), &Value::Null)
    }

    pub(crate) fn of(code: ErrorCode, message: String, document: &Value) -> Error {
        let text = |name| document.text(name).map(String::from);
        let flag = |name| document.get(name).as_bool().unwrap_or(false);
        let milliseconds = document.get("retry_after_ms").as_integer();
        let details = ErrorDetails {
            code,
            message,
            retryable: flag("retryable"),
            outcome_unknown: flag("outcome_unknown"),
            retry_after: milliseconds.and_then(|count| u64::try_from(count).ok()).map(Duration::from_millis),
            http_status: document.get("http_status").as_integer(),
            service_code: text("service_code"),
            service_correlation_id: text("service_correlation_id"),
            request_id: text("request_id"),
            action_id: text("action_id"),
            pointer: text("pointer"),
        };
        Error { details: Box::new(details) }
    }

    /// Of a call that ended with a condition where there should be success or an error.
    pub(crate) fn not_success(status: i32) -> Error {
        Error::ended(status, "do not count it as done", &Value::Null)
    }

    /// The same of a call that records a request, of which it is not known now whether it will be sent.
    pub(crate) fn not_known(status: i32, request_id: Option<&str>) -> Error {
        let document = [("outcome_unknown", true.into()), ("request_id", optional(request_id))];
        Error::ended(status, "do not repeat the request, look for it in the ledger", &Value::object(document))
    }

    fn ended(status: i32, remedy: &str, document: &Value) -> Error {
        let code = ErrorCode::Unknown(status);
        let reason = "which this version of the crate does not know as its success";
        Error::of(code, format!("the call ended with status {status}, {code}, {reason}; {remedy}"), document)
    }

    /// The same, with more said about it.
    pub(crate) fn with_remark(mut self, remark: &str) -> Error {
        self.details.message = format!("{}; {remark}", self.details.message);
        self
    }

    /// The same, said of bytes that may have left.
    pub(crate) fn with_unknown_outcome(mut self) -> Error {
        self.details.outcome_unknown = true;
        self
    }
}

impl From<&Error> for Value {
    /// The error document that the typed members make.
    fn from(error: &Error) -> Value {
        let retry_after_ms = error.retry_after.map(milliseconds);
        Value::object([
            ("status", i64::from(error.code.number()).into()),
            ("name", error.code.to_string().into()),
            ("message", (&error.message).into()),
            ("retryable", error.retryable.into()),
            ("outcome_unknown", error.outcome_unknown.into()),
            ("retry_after_ms", optional(retry_after_ms)),
            ("http_status", optional(error.http_status)),
            ("service_code", optional(error.service_code.as_ref())),
            ("service_correlation_id", optional(error.service_correlation_id.as_ref())),
            ("request_id", optional(error.request_id.as_ref())),
            ("action_id", optional(error.action_id.as_ref())),
            ("pointer", optional(error.pointer.as_ref())),
        ])
    }
}

impl std::ops::Deref for Error {
    type Target = ErrorDetails;

    fn deref(&self) -> &ErrorDetails {
        &self.details
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.details.fmt(out)
    }
}

impl fmt::Display for ErrorCode {
    /// The constant's own name.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(crate::native::status_name(self.number()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_is_told_by_the_flag_whatever_the_code() {
        let document = Value::object([("outcome_unknown", true.into()), ("request_id", "id".into())]);
        let error = Error::of(ErrorCode::OutOfMemory, "memory ran out".to_string(), &document);
        assert!(error.outcome_unknown && error.request_id.as_deref() == Some("id"), "{error:?}");
        assert!(!Error::new(ErrorCode::OutOfMemory, "memory ran out").outcome_unknown);
    }
}
