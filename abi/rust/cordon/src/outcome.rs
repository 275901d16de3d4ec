use cordon_sys as sys;

use crate::json::Value;
use crate::{Action, Error, ErrorCode, Result};

/// Where an action stands. Ask by `match`: there is no yes or no to mistake for success.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "only Outcome::Done means that the device did it"]
pub enum Outcome {
    /// The device did it: the service said Succeeded. Nothing else means that.
    Done(Action),
    /// The service, or for a submitted request still Cordon, holds the action; it has not ended. Follow it by
    /// [`Client::wait`](crate::Client::wait).
    Pending(Action),
    /// It ended as Failed on the device: see `error_text`.
    Failed(Action),
    /// The service gave up, for instance because the device stayed away.
    TimedOut(Action),
    /// It was cancelled at the service.
    Cancelled(Action),
    /// The service refused the request; there is no action. See `error_text`.
    Rejected(Action),
    /// The request expired or was withdrawn before a byte of it left.
    NotSent(Action),
    /// All checks passed and nothing was sent, as asked.
    DryRun(Action),
    /// A status of a newer library; it is not success.
    NotDone(i32, Action),
}

impl Outcome {
    /// The action, whatever became of it.
    pub fn action(&self) -> &Action {
        match self {
            Outcome::Done(action)
            | Outcome::Pending(action)
            | Outcome::Failed(action)
            | Outcome::TimedOut(action)
            | Outcome::Cancelled(action)
            | Outcome::Rejected(action)
            | Outcome::NotSent(action)
            | Outcome::DryRun(action)
            | Outcome::NotDone(_, action) => action,
        }
    }

    /// The number of the C ABI.
    pub fn status(&self) -> i32 {
        match self {
            Outcome::Done(_) => sys::CORDON_OK,
            Outcome::Pending(_) => sys::CORDON_PENDING,
            Outcome::Failed(_) => sys::CORDON_ACTION_FAILED,
            Outcome::TimedOut(_) => sys::CORDON_ACTION_TIMED_OUT,
            Outcome::Cancelled(_) => sys::CORDON_ACTION_CANCELLED,
            Outcome::Rejected(_) => sys::CORDON_ACTION_REJECTED,
            Outcome::NotSent(_) => sys::CORDON_NOT_SENT,
            Outcome::DryRun(_) => sys::CORDON_DRY_RUN,
            Outcome::NotDone(status, _) => *status,
        }
    }

    pub(crate) fn of(status: i32, document: &str) -> Result<Outcome> {
        let document = Value::parse(document).map_err(|reason| {
            let message = format!("the library's action document can't be read: {reason}");
            Error::new(ErrorCode::Internal, message).with_unknown_outcome()
        })?;
        let action = Action::of(&document);
        Ok(match status {
            sys::CORDON_OK => Outcome::Done(action),
            sys::CORDON_PENDING => Outcome::Pending(action),
            sys::CORDON_ACTION_FAILED => Outcome::Failed(action),
            sys::CORDON_ACTION_TIMED_OUT => Outcome::TimedOut(action),
            sys::CORDON_ACTION_CANCELLED => Outcome::Cancelled(action),
            sys::CORDON_ACTION_REJECTED => Outcome::Rejected(action),
            sys::CORDON_NOT_SENT => Outcome::NotSent(action),
            sys::CORDON_DRY_RUN => Outcome::DryRun(action),
            other => Outcome::NotDone(other, action),
        })
    }
}
