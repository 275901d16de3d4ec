use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::client::known_action;
use crate::native::Handle;
use crate::pump::Waiting;
use crate::{Error, Outcome, Result};

/// Where one result is put by the thread that has it, and taken by whoever waits: a future or a blocked thread.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    state: Mutex<(Option<Result<Outcome>>, Option<Waker>)>,
    filled: Condvar,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (Option<Result<Outcome>>, Option<Waker>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the result in, if there is none yet, and wakes.
    pub(crate) fn fill(&self, result: Result<Outcome>) {
        let waker = {
            let mut state = self.lock();
            state.0.get_or_insert(result);
            self.filled.notify_all();
            state.1.take()
        };
        // Unlocked: it may run anything.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.lock().0.is_some()
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Result<Outcome>> {
        let mut state = self.lock();
        match &state.0 {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Blocks until there is a result, at most until `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Option<Result<Outcome>> {
        let mut state = self.lock();
        while state.0.is_none() {
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.0.clone()
    }
}

/// Waits for the end of an action. A future for any executor, or a thread by [`Wait::join`] and [`Wait::within`]. It
/// holds no thread and owns all it needs; dropping it ends the waiting, and the action goes on.
///
/// When it becomes unknown whether the request arrived, it goes on while Cordon looks for it, and ends with
/// [`ErrorCode::OutcomeUnknown`](crate::ErrorCode::OutcomeUnknown) when that has come to nothing: do not repeat the
/// request; wait again, or have a person look.
#[derive(Debug)]
#[must_use = "a Wait does nothing unless it is awaited or joined"]
pub struct Wait {
    slot: Arc<Slot>,
    place: Option<Place>,
}

/// Where the pump finds the slot, until it is dropped.
#[derive(Debug)]
struct Place {
    handle: Handle,
    id: String,
    waiting: Arc<Waiting>,
}

impl Wait {
    pub(crate) fn new(handle: Handle, id: &str, waiting: Arc<Waiting>) -> Wait {
        let slot = Arc::new(Slot::default());
        waiting.enter(id, &slot);
        // It may have ended before the pump began. From here on its events are seen.
        waiting.settle(handle, &[id]);
        let place = Place { handle, id: id.to_string(), waiting };
        Wait { slot, place: Some(place) }
    }

    pub(crate) fn failed(error: Error) -> Wait {
        let slot = Slot::default();
        slot.fill(Err(error));
        Wait { slot: Arc::new(slot), place: None }
    }

    /// Blocks this thread until the end.
    pub fn join(self) -> Result<Outcome> {
        self.slot.wait(None).expect("without a deadline there is a result")
    }

    /// Blocks this thread for at most `time`; [`Outcome::Pending`] when that is over.
    pub fn within(self, time: Duration) -> Result<Outcome> {
        let deadline = Instant::now().checked_add(time);
        match (self.slot.wait(deadline), &self.place) {
            (Some(result), _) => result,
            (None, Some(place)) => known_action(place.handle, &place.id),
            (None, None) => unreachable!("it was filled when it was made"),
        }
    }
}

impl Future for Wait {
    type Output = Result<Outcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.slot.poll(context)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            place.waiting.leave(&place.id, &self.slot);
        }
    }
}
