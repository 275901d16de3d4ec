mod support;

use std::thread;
use std::time::Duration;

use cordon::json::Value;
use cordon::{Client, ErrorCode, KeyKind, Options, Outcome, Secret, State, Until};
use support::*;

#[test]
fn a_restricted_device_is_pending_and_then_done() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let mut options = patient();
    options.labels.insert("case".to_string(), "INC-7".to_string());
    options.actor = Some("a playbook".to_string());
    let outcome = client.restrict_code_execution(emulator.machine(0), "a test", &options).unwrap();
    let pending = match &outcome {
        Outcome::Pending(pending) => pending,
        other => panic!("{other:?}"),
    };
    assert_eq!(pending.labels["case"], "INC-7");
    assert_eq!(pending.actor.as_deref(), Some("a playbook"));
    assert_eq!(pending.machine_id.as_deref(), Some(emulator.machine(0)));
    assert!(!pending.adopted);
    let request_id = pending.request_id.as_deref().unwrap();
    let end = client.wait(request_id).within(PATIENCE).unwrap();
    let done = match &end {
        Outcome::Done(done) => done,
        other => panic!("{other:?}"),
    };
    assert_eq!(done.state, Some(State::Succeeded));
    assert_eq!(done.document.get("state").as_str(), Some("succeeded"));
    let action_id = done.action_id.as_deref().unwrap();
    assert_done(&client.known_action(action_id).unwrap());
    assert_eq!((outcome.status(), end.status()), (1, 0));
}

#[test]
fn until_finished_waits_for_the_device() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let options = Options { until: Some(Until::Finished), ..patient() };
    let outcome = client.stop_and_quarantine(emulator.machine(0), emulator.file(), "a test", &options).unwrap();
    assert_done(&outcome);
    let outcome = client.restrict_code_execution(emulator.cast("fails"), "a test", &options).unwrap();
    let failed = match &outcome {
        Outcome::Failed(failed) => failed,
        other => panic!("{other:?}"),
    };
    assert_ne!(failed.error_hresult, Some(0));
    assert!(failed.error_text.is_some());
}

#[test]
fn errors_say_their_kind_and_what_is_wrong() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let error = client.restrict_code_execution("no machine", "a test", &patient()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(error.pointer.as_deref(), Some("/machine_id"));
    assert!(error.to_string().starts_with("CORDON_E_INVALID_ARGUMENT: "), "{error}");
    let missing = "0".repeat(40);
    let error = client.restrict_code_execution(&missing, "a test", &patient()).unwrap_err();
    assert_eq!((error.code, error.http_status), (ErrorCode::NotFound, Some(404)));
    assert_eq!(Client::open("{\"no such member\":1}").unwrap_err().code, ErrorCode::InvalidArgument);
}

#[test]
fn a_nul_byte_is_refused_and_not_cut_at() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let error = client.restrict_code_execution(emulator.machine(0), "contain\0and more", &patient()).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert_eq!(emulator.actions(), 0);
}

#[test]
fn read_answers_and_does_not_act() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let machine = Value::object([("machine_id", emulator.machine(0).into())]);
    let answer = client.read("get_machine", machine, &patient()).unwrap();
    assert_eq!(answer.get("id").as_str(), Some(emulator.machine(0)));
    let code = |result: cordon::Result<Value>| result.unwrap_err().code;
    assert_eq!(code(client.read(RESTRICT, request(emulator.machine(0)), &patient())), ErrorCode::InvalidArgument);
    assert_eq!(code(client.read("no_such_operation", Value::Null, &patient())), ErrorCode::NotSupported);
    assert_eq!(client.act("health", Value::Null, &patient()).unwrap_err().code, ErrorCode::InvalidArgument);
    assert_eq!(emulator.actions(), 0);
}

#[test]
fn options_of_the_request_and_of_the_call_are_joined() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let given = Value::object([
        ("machine_id", emulator.machine(0).into()),
        ("comment", "a test".into()),
        ("options", Value::object([("actor", "the request".into())])),
    ]);
    let options = Options { dry_run: true, valid_for: Some(Duration::from_secs(60)), ..patient() };
    let outcome = client.act(RESTRICT, given, &options).unwrap();
    let dry = match &outcome {
        Outcome::DryRun(dry) => dry,
        other => panic!("{other:?}"),
    };
    assert_eq!(dry.actor.as_deref(), Some("the request"));
    assert_eq!(emulator.actions(), 0);
}

#[test]
fn a_deadline_says_that_nothing_was_sent() {
    let mut emulator = Emulator::start();
    emulator.set("quota", "1/3600s,1/3600s".into());
    let client = emulator.open();
    let first = client.restrict_code_execution(emulator.machine(0), "a test", &patient()).unwrap();
    assert!(matches!(first, Outcome::Pending(_)), "{first:?}");
    let options = Options { timeout: Some(Duration::from_millis(200)), ..Options::default() };
    let error = client.restrict_code_execution(emulator.machine(1), "a test", &options).unwrap_err();
    assert!(matches!(error.code, ErrorCode::RateLimited | ErrorCode::Deadline), "{error}");
    assert_eq!(emulator.actions(), 1);
}

#[test]
fn an_unknown_outcome_is_an_error_of_its_own() {
    let emulator = Emulator::start();
    let client = emulator.open();
    emulator.fault("drop_before");
    let error = client.restrict_code_execution(emulator.machine(0), "a test", &patient()).unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    assert!(error.outcome_unknown && error.request_id.is_some() && !error.retryable, "{error:?}");
}

#[test]
fn a_dropped_call_is_interrupted_and_never_sent() {
    let mut emulator = Emulator::start();
    // The next slot comes before the call's deadline, or the call would be refused at once.
    emulator.set("quota", "1/60s,1000/3600s".into());
    let client = emulator.open();
    client.submit(RESTRICT, request(emulator.machine(0)), &Options::default()).unwrap();
    eventually("the quota is used up", || emulator.actions() == 1);

    let id = "5f0c1d2e-3b4a-4968-8776-95a4b3c2d1e0";
    let options = Options { request_id: Some(id.to_string()), ..patient() };
    let running = client.start(RESTRICT, request(emulator.machine(1)), &options).unwrap();
    eventually("it waits for the quota", || matches!(client.known_action(id), Ok(Outcome::Pending(_))));
    drop(running);
    eventually("it will not be sent", || matches!(client.known_action(id), Ok(Outcome::NotSent(_))));
    let action = client.known_action(id).unwrap();
    assert_eq!(action.action().state, Some(State::Withdrawn), "not by its deadline");
    assert_eq!(emulator.actions(), 1);
}

#[test]
fn a_dropped_call_changes_nothing_at_the_service() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = "5f0c1d2e-3b4a-4968-8776-95a4b3c2d1e0";
    let options = Options { until: Some(Until::Finished), request_id: Some(id.to_string()), ..patient() };
    let running = client.start(RESTRICT, request(emulator.cast("offline")), &options).unwrap();
    eventually("the action is at the service", || {
        client.known_action(id).map_or(false, |known| known.action().action_id.is_some())
    });
    drop(running);
    assert!(matches!(client.known_action(id).unwrap(), Outcome::Pending(_)));
    assert_eq!(emulator.actions(), 1);
}

#[test]
fn a_started_call_is_a_future_and_can_be_joined() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let options = Options { until: Some(Until::Finished), ..patient() };
    let first = client.start(RESTRICT, request(emulator.machine(0)), &options).unwrap();
    let second = client.start(RESTRICT, request(emulator.machine(1)), &options).unwrap();
    assert_done(&block_on(first).unwrap());
    assert_done(&second.join().unwrap());
}

#[test]
fn another_thread_interrupts_a_poll_by_its_call_id() {
    let emulator = Emulator::start();
    let client = emulator.open();
    let id = client.submit(RESTRICT, request(emulator.cast("offline")), &Options::default()).unwrap();
    let options = Options { call_id: Some("poll".to_string()), ..patient() };
    thread::scope(|scope| {
        let waiter = scope.spawn(|| client.poll_action(&id, &options));
        eventually("it is interrupted", || client.interrupt("poll").is_ok());
        assert_eq!(waiter.join().unwrap().unwrap_err().code, ErrorCode::Interrupted);
    });
    assert!(matches!(client.known_action(&id).unwrap(), Outcome::Pending(_)));
}

#[test]
fn secrets_go_into_the_vault_and_their_names_come_out() {
    let mut emulator = Emulator::start();
    let vault = emulator.folder.join("vault");
    emulator.set("vault", Value::object([("file", path(&vault))]));
    let client = Client::open(&emulator.config()).unwrap();
    let secret = || Secret::new(b"hunter2".to_vec());
    assert_eq!(client.set_secret("name", secret()).unwrap_err().code, ErrorCode::VaultLocked);
    client.unlock_vault(KeyKind::Key, Secret::new(vec![7; 32])).unwrap();
    client.set_secret("name", secret()).unwrap();
    let status = client.vault_status().unwrap().to_string();
    assert!(status.contains("\"name\"") && !status.contains("hunter2"), "{status}");
    let change = Value::object([("action", "add_slot".into()), ("kind", "key".into())]);
    client.rekey_vault(&change, Some(Secret::new(vec![8; 32])), None).unwrap();
    let slots = client.vault_status().unwrap().get("slots").as_array().unwrap().len();
    assert_eq!(slots, 2);
    let change = Value::object([("action", "dance".into())]);
    assert_eq!(client.rekey_vault(&change, None, None).unwrap_err().code, ErrorCode::InvalidArgument);
    client.remove_secret("name").unwrap();
    assert_eq!(client.remove_secret("name").unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn clients_and_waits_go_from_thread_to_thread() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Client>();
    shared::<cordon::Error>();
    shared::<Outcome>();
    sent::<cordon::Wait>();
    sent::<cordon::Running>();
    sent::<cordon::Events<'static>>();
    sent::<Secret>();
}
