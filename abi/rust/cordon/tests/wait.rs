mod support;

use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use cordon::{ErrorCode, Options, Outcome, Scope, State};
use support::*;

#[test]
fn waits_hold_no_threads() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.cast("offline")), &Options::default()).unwrap();
    let threads = || fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut waits: Vec<_> = (0..300).map(|_| client.wait(&id)).collect();
    let waker = waker_of_this_thread();
    let mut context = Context::from_waker(&waker);
    for wait in &mut waits {
        assert!(Pin::new(wait).poll(&mut context).is_pending());
    }
    // Other tests of this program may run at the same time.
    assert!(threads() < before + 100);
    drop(waits);
    assert!(matches!(client.known_action(&id).unwrap(), Outcome::Pending(_)), "the request goes on");
}

#[test]
fn every_one_of_many_waits_ends() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let submit = |machine| client.submit(RESTRICT, request(machine), &Options::default()).unwrap();
    let ids: Vec<String> = emulator.machines().into_iter().map(submit).collect();
    for outcome in block_on_all(ids.iter().map(|id| client.wait(id)).collect()) {
        assert_done(&outcome.unwrap());
    }
    assert_eq!(emulator.actions(), ids.len());
    assert_done(&client.wait(&ids[0]).join().unwrap());
}

#[test]
fn a_waits_deadline_is_pending() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.cast("offline")), &Options::default()).unwrap();
    let outcome = client.wait(&id).within(Duration::from_millis(200)).unwrap();
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    eventually("it is at the service", || emulator.actions() == 1);
    emulator.advance(3 * 86400 + 900);
    let outcome = client.wait(&id).within(PATIENCE).unwrap();
    assert!(matches!(outcome, Outcome::TimedOut(_)), "{outcome:?}");
}

#[test]
fn a_wait_is_told_when_the_outcome_stays_unknown() {
    let emulator = Emulator::start();
    let client = emulator.open();
    emulator.fault("drop_before");
    let id = client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    assert_eq!(block_on(client.wait(&id)).unwrap_err().code, ErrorCode::OutcomeUnknown);
}

#[test]
fn a_wait_sees_what_a_look_has_found() {
    let emulator = Emulator::start();
    let client = emulator.open();
    emulator.fault("drop_after");
    let id = client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    assert_done(&client.wait(&id).within(PATIENCE).unwrap());
    assert_eq!(emulator.actions(), 1);
}

#[test]
fn a_wait_for_nothing_known_is_an_error() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let wait = client.wait("11111111-2222-4333-8444-555555555555");
    assert_eq!(wait.join().unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn the_end_of_the_client_ends_waits() {
    let emulator = Emulator::start();
    let is_end = |code| matches!(code, ErrorCode::ShuttingDown | ErrorCode::InvalidHandle);
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.cast("offline")), &Options::default()).unwrap();
    let wait = client.wait(&id);
    client.shutdown(Some(Duration::from_secs(1))).unwrap();
    assert!(is_end(block_on(wait).unwrap_err().code));
    assert!(is_end(client.wait(&id).join().unwrap_err().code));
    drop(client);

    let client = emulator.open();
    let wait = client.wait(&id);
    drop(client);
    assert!(is_end(block_on(wait).unwrap_err().code));
}

#[test]
fn a_forked_child_drops_the_client_of_its_parent_without_effect() {
    extern "C" {
        fn fork() -> i32;
        fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        fn alarm(seconds: u32) -> u32;
        fn _exit(status: i32) -> !;
    }
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    let wait = client.wait(&id);
    // Safety: the child, which lacks the thread that reads events, does no more than drop the client, and is gone.
    let child = unsafe { fork() };
    if child == 0 {
        unsafe { alarm(60) }; // ends it if it hangs
        let forked = matches!(client.known_action(&id), Err(error) if error.code == ErrorCode::Forked);
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(client))).is_ok();
        unsafe { _exit(if forked && dropped { 0 } else { 1 }) };
    }
    let mut status = -1;
    assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "it hung or panicked");
    assert_done(&wait.within(PATIENCE).unwrap());
}

/// As an executor does that drops its last task, and the client with it, when that is woken.
#[test]
fn the_client_may_be_dropped_by_its_own_thread() {
    struct Holder(std::sync::Mutex<Option<cordon::Client>>);
    impl Wake for Holder {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().take();
        }
    }
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    let mut wait = client.wait(&id);
    let holder = Arc::new(Holder(std::sync::Mutex::new(Some(client))));
    let waker = Waker::from(Arc::clone(&holder));
    let mut context = Context::from_waker(&waker);
    if let Poll::Ready(outcome) = Pin::new(&mut wait).poll(&mut context) {
        return assert_done(&outcome.unwrap()); // it was quicker than this thread
    }
    assert_done(&wait.within(PATIENCE).unwrap());
    eventually("the client is gone", || holder.0.lock().unwrap().is_none());
}

#[test]
fn withdraw_takes_back_what_was_not_sent() {
    let mut emulator = Emulator::start();
    emulator.set("quota", "1/3600s,1/3600s".into());
    let client = emulator.open();
    let first = client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    eventually("the first is sent", || emulator.actions() == 1);
    let id = client.submit(RESTRICT, request(emulator.machine(1)), &Options::default()).unwrap();
    client.withdraw(&id).unwrap();
    let outcome = client.wait(&id).within(PATIENCE).unwrap();
    assert!(matches!(outcome, Outcome::NotSent(_)), "{outcome:?}");
    assert_eq!(client.withdraw(&first).unwrap_err().code, ErrorCode::InvalidState);
}

#[test]
fn events_are_read_by_cursor_and_consumed_by_nobody() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let mut options = Options::default();
    options.labels.insert("case".to_string(), "7".to_string());
    let id = client.submit(RESTRICT, request(emulator.machine(0)), &options).unwrap();
    let mut states = Vec::new();
    for event in client.events(0, Scope::All) {
        let event = event.unwrap();
        if event.request_id.as_deref() == Some(&id) {
            assert_eq!(event.action.unwrap().labels["case"], "7");
            states.push(event.state.unwrap());
        }
        if states.last() == Some(&State::Succeeded) {
            break;
        }
    }
    assert!(states.len() >= 3 && states[0] == State::Queued, "{states:?}");

    let mut again = client.events(0, Scope::Client);
    let mut count = 0;
    while block_on(again.recv()).unwrap().state != Some(State::Succeeded) {
        count += 1;
    }
    assert!(count >= 2);
    let mut rest = client.events(again.cursor(), Scope::Client);
    assert_eq!(rest.try_next().unwrap(), None);
    assert_eq!(rest.within(Duration::from_millis(30)).unwrap(), None);
}

#[test]
fn a_reader_takes_nothing_from_those_who_wait() {
    let emulator = Emulator::start();
    let client = emulator.open();
    thread::scope(|scope| {
        for _ in 0..3 {
            // They end with the client's shutdown.
            scope.spawn(|| for _ in client.events(0, Scope::All).take_while(Result::is_ok) {});
        }
        for machine in &emulator.machines()[..8] {
            let id = client.submit(RESTRICT, request(machine), &Options::default()).unwrap();
            assert_done(&client.wait(&id).within(PATIENCE).unwrap());
        }
        client.shutdown(None).unwrap();
    });
}
