//! One thread of a client reads its events for everybody who waits.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::client::known_action;
use crate::events::read_event;
use crate::native::{Handle, Limit};
use crate::wait::Slot;
use crate::{Error, ErrorCode, Event, Outcome, Result, Scope, State};

/// How long the thread stays in the library at a time; it is woken by events and by the client's end, not by this.
const ROUND: Duration = Duration::from_secs(3600);
/// How many threads at most look for requests whose outcome is unknown.
const LOOKERS: usize = 8;

#[derive(Debug)]
pub(crate) struct Pump {
    waiting: Arc<Waiting>,
    thread: JoinHandle<()>,
}

impl Pump {
    pub(crate) fn start(handle: Handle) -> Result<Pump> {
        let cursor = newest_event(handle)?;
        let waiting = Arc::new(Waiting::default());
        let shared = Arc::clone(&waiting);
        let thread = thread::Builder::new()
            .name("cordon-events".to_string())
            .spawn(move || run(handle, cursor, &shared))
            .map_err(|reason| {
                let message = format!("no thread for events: {reason}");
                Error::new(ErrorCode::Internal, message)
            })?;
        Ok(Pump { waiting, thread })
    }

    pub(crate) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }

    /// Waits for the thread, whose client has ended.
    pub(crate) fn join(self) {
        // A waker may have dropped the client on the pump's own thread, which ends by itself then.
        if self.thread.thread().id() != thread::current().id() {
            // A waker's panic has been reported by then.
            let _ = self.thread.join();
        }
    }
}

fn run(handle: Handle, mut cursor: i64, waiting: &Arc<Waiting>) {
    loop {
        match read_event(handle, cursor, Scope::All, Limit::Within(ROUND)) {
            Ok(None) => {}
            Ok(Some(event)) => {
                cursor = event.cursor;
                waiting.hand(handle, &event);
            }
            Err(error) if is_end(&error) => return waiting.fail(&error),
            // The ledger can't be read; nobody will tell when it can be again.
            Err(_) => thread::sleep(Duration::from_secs(1)),
        }
    }
}

fn is_end(error: &Error) -> bool {
    matches!(error.code, ErrorCode::ShuttingDown | ErrorCode::InvalidHandle | ErrorCode::Forked)
}

/// The cursor of the newest event, found without reading a journal that may be long: there is an event behind `from`, or
/// from is 0, and there is none behind `to`.
fn newest_event(handle: Handle) -> Result<i64> {
    let (mut from, mut to, mut step) = (0, None, 1);
    while to != Some(from) {
        let probe = match to {
            None => from + step - 1,
            Some(to) => from + (to - from) / 2,
        };
        match read_event(handle, probe, Scope::All, Limit::Now)? {
            Some(event) => from = event.cursor,
            None => to = Some(probe),
        }
        step *= 2;
    }
    Ok(from)
}

/// Those who wait for one client's events.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    state: Mutex<Waiters>,
}

#[derive(Debug, Default)]
struct Waiters {
    slots: HashMap<String, Vec<Arc<Slot>>>, // by request id or action id, as asked for
    readers: Vec<Waker>,
    unknown: VecDeque<String>, // to be looked for
    lookers: usize,
    over: Option<Error>,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, id: &str, slot: &Arc<Slot>) {
        let mut waiters = self.lock();
        let over = waiters.over.clone();
        match over {
            None => waiters.slots.entry(id.to_string()).or_default().push(Arc::clone(slot)),
            Some(error) => {
                drop(waiters);
                slot.fill(Err(error));
            }
        }
    }

    pub(crate) fn leave(&self, id: &str, slot: &Arc<Slot>) {
        let mut waiters = self.lock();
        if let Some(slots) = waiters.slots.get_mut(id) {
            slots.retain(|other| !Arc::ptr_eq(other, slot));
            if slots.is_empty() {
                waiters.slots.remove(id);
            }
        }
    }

    /// Wakes at the next event, and at the end of events.
    pub(crate) fn wake_at_next(&self, waker: &Waker) {
        let mut waiters = self.lock();
        if waiters.over.is_none() {
            if !waiters.readers.iter().any(|known| known.will_wake(waker)) {
                waiters.readers.push(waker.clone());
            }
            return;
        }
        drop(waiters);
        waker.wake_by_ref();
    }

    fn hand(self: &Arc<Self>, handle: Handle, event: &Event) {
        let readers = std::mem::take(&mut self.lock().readers);
        for waker in readers {
            waker.wake();
        }
        let open =
            matches!(event.state, None | Some(State::Queued | State::Sending | State::Pending | State::InProgress));
        if !open {
            let ids: Vec<&str> =
                [&event.request_id, &event.action_id].into_iter().flatten().map(String::as_str).collect();
            self.settle(handle, &ids);
        }
    }

    /// Tells those who wait for these ids where the action stands, if that is its end; looks for it if it is unknown.
    pub(crate) fn settle(self: &Arc<Self>, handle: Handle, ids: &[&str]) {
        for id in ids {
            if !self.lock().slots.contains_key(*id) {
                continue;
            }
            match known_action(handle, id) {
                Ok(Outcome::Pending(_)) => {}
                Err(error) if error.code == ErrorCode::OutcomeUnknown => self.look_for(handle, id, error),
                result => self.fill(id, &result),
            }
        }
    }

    fn fill(&self, id: &str, result: &Result<Outcome>) {
        let slots = self.lock().slots.remove(id).unwrap_or_default();
        for slot in slots {
            slot.fill(result.clone());
        }
    }

    fn fail(&self, error: &Error) {
        let (slots, readers) = {
            let mut waiters = self.lock();
            waiters.over = Some(error.clone());
            (std::mem::take(&mut waiters.slots), std::mem::take(&mut waiters.readers))
        };
        for slot in slots.into_values().flatten() {
            slot.fill(Err(error.clone()));
        }
        for waker in readers {
            waker.wake();
        }
    }

    /// Has a thread wait for what the library's search brings; the rare case that holds one. `unknown` says what is known
    /// until then.
    fn look_for(self: &Arc<Self>, handle: Handle, id: &str, unknown: Error) {
        let shared = Arc::clone(self);
        let looker = thread::Builder::new().name("cordon-looks".to_string());
        self.look_by(|| looker.spawn(move || shared.look(handle)).map(drop), id, unknown);
    }

    /// `start` begins a looker. When it can't and none is at work, those who wait are told what is known.
    fn look_by(&self, start: impl FnOnce() -> io::Result<()>, id: &str, unknown: Error) {
        let mut waiters = self.lock();
        if waiters.unknown.iter().any(|other| other == id) {
            return;
        }
        waiters.unknown.push_back(id.to_string());
        if waiters.lookers == LOOKERS {
            return;
        }
        match start() {
            Ok(()) => waiters.lookers += 1,
            Err(reason) if waiters.lookers == 0 => {
                waiters.unknown.pop_back();
                drop(waiters);
                self.fill(id, &Err(unknown.with_remark(&format!("no thread to wait for more: {reason}"))));
            }
            Err(_) => {} // one of the lookers at work comes to it
        }
    }

    fn look(&self, handle: Handle) {
        loop {
            let id = {
                let mut waiters = self.lock();
                match waiters.unknown.pop_front() {
                    Some(id) => id,
                    None => {
                        waiters.lookers -= 1;
                        return;
                    }
                }
            };
            if !self.lock().slots.contains_key(&id) {
                continue; // its end was seen meanwhile, or nobody waits any more
            }
            let result = handle
                .poll_action(&id, None, Limit::Default)
                .and_then(|(status, document)| Outcome::of(status, &document));
            if !matches!(result, Ok(Outcome::Pending(_))) {
                self.fill(&id, &result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn those_who_wait_are_told_when_no_thread_can_look() {
        let (waiting, slot) = (Waiting::default(), Arc::new(Slot::default()));
        let no_thread = || Err(io::Error::from(io::ErrorKind::WouldBlock));
        let unknown = || Error::not_known(1, Some("id"));
        waiting.enter("id", &slot);
        waiting.look_by(no_thread, "id", unknown());
        let told = slot.wait(Some(Instant::now())).expect("it was filled").unwrap_err();
        assert!(told.outcome_unknown && told.message.contains("no thread"), "{told:?}");

        // The next one is looked for as if nothing had happened; with a looker at work it waits for that.
        let second = Arc::new(Slot::default());
        waiting.enter("id", &second);
        waiting.look_by(|| Ok(()), "id", unknown());
        waiting.look_by(no_thread, "other", unknown());
        assert_eq!(waiting.lock().unknown, ["id", "other"]);
        assert!(!second.is_filled());
    }
}
