use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::json::Value;
use crate::native::{Handle, Limit};
use crate::{Client, Error, ErrorCode, Event, Result};

/// Whose events are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of requests of this client.
    Client,
    /// Those of everybody who shares the ledger.
    All,
}

/// Reads the journal from a cursor. Events are consumed by nobody: keep the cursor of the last one you have dealt with,
/// and after a crash go on from there.
///
/// As an iterator it blocks until the next event; it ends after an error.
#[derive(Debug)]
pub struct Events<'a> {
    client: &'a Client,
    scope: Scope,
    cursor: i64,
    ended: bool,
}

impl<'a> Events<'a> {
    pub(crate) fn new(client: &'a Client, cursor: i64, scope: Scope) -> Events<'a> {
        Events { client, scope, cursor, ended: false }
    }

    /// That of the last event read.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        self.read(Limit::Now)
    }

    /// The next event, if there is one within this time. It blocks the thread.
    pub fn within(&mut self, time: Duration) -> Result<Option<Event>> {
        if time.is_zero() {
            return self.try_next();
        }
        let deadline = Instant::now().checked_add(time);
        loop {
            let left = deadline.map_or(time, |at| at.saturating_duration_since(Instant::now()));
            let event = self.read(Limit::Within(left))?;
            if event.is_some() || deadline.map_or(false, |at| Instant::now() >= at) {
                return Ok(event);
            }
        }
    }

    /// The next event, as a future: it holds no thread.
    pub fn recv(&mut self) -> NextEvent<'_, 'a> {
        NextEvent { events: self }
    }

    fn read(&mut self, limit: Limit) -> Result<Option<Event>> {
        let event = read_event(self.client.handle(), self.cursor, self.scope, limit)?;
        if let Some(event) = &event {
            self.cursor = event.cursor;
        }
        Ok(event)
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        while !self.ended {
            match self.within(Duration::from_secs(3600)) {
                Ok(None) => {}
                Ok(Some(event)) => return Some(Ok(event)),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// See [`Events::recv`].
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct NextEvent<'e, 'a> {
    events: &'e mut Events<'a>,
}

impl Future for NextEvent<'_, '_> {
    type Output = Result<Event>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Event>> {
        // First the waker, then the look, so that no event falls between.
        match self.events.client.waiting() {
            Ok(waiting) => waiting.wake_at_next(context.waker()),
            Err(error) => return Poll::Ready(Err(error)),
        }
        match self.events.try_next().transpose() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }
}

/// The first event behind a cursor.
pub(crate) fn read_event(handle: Handle, after: i64, scope: Scope, limit: Limit) -> Result<Option<Event>> {
    let scope = match scope {
        Scope::Client => "client",
        Scope::All => "all",
    };
    let options = Value::object([("after", after.into()), ("scope", scope.into())]).to_string();
    let (status, document) = handle.next_event(&options, limit)?;
    match status {
        cordon_sys::CORDON_OK => {}
        cordon_sys::CORDON_NO_EVENT => return Ok(None),
        _ => return Err(Error::not_success(status)),
    }
    match Value::parse(&document) {
        Ok(document) => Ok(Some(Event::of(&document))),
        Err(reason) => {
            let message = format!("the library's event can't be read: {reason}");
            Err(Error::new(ErrorCode::Internal, message))
        }
    }
}
