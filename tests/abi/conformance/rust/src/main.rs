//! The conformance program in Rust: see ../../README.md.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use cordon::json::Value;
use cordon::{Client, Options, Outcome, Result, Scope, Secret, Until};

/// What a step came to: status, result, error.
struct Answer {
    status: String,
    result: Value,
    error: Value,
}

/// What a call of the binding gives: a status and a document.
type Given = (i32, Value);

const NOTHING: Given = (cordon_sys::CORDON_OK, Value::Null);

#[derive(Default)]
struct Program {
    clients: HashMap<String, Arc<Client>>,
    background: HashMap<String, JoinHandle<Answer>>,
    read: HashMap<String, i64>, // by client: the cursor of the event read last
}

fn text<'a>(step: &'a Value, name: &str) -> &'a str {
    step.get(name).as_str().unwrap_or_default()
}

fn time(step: &Value, name: &str) -> Option<Duration> {
    let milliseconds = u64::try_from(step.get(name).as_integer()?).ok()?;
    Some(Duration::from_millis(milliseconds))
}

/// Those that the scenario uses.
fn options(step: &Value) -> Options {
    let given = step.get("options");
    let member = |name| given.get(name).as_str().map(String::from);
    let mut options = Options {
        timeout: time(step, "timeout_ms"),
        tenant: member("tenant"),
        request_id: member("request_id"),
        idempotency_key: member("idempotency_key"),
        call_id: member("call_id"),
        actor: member("actor"),
        dry_run: given.get("dry_run").as_bool().unwrap_or_default(),
        ..Options::default()
    };
    options.until = match text(given, "until") {
        "accepted" => Some(Until::Accepted),
        "finished" => Some(Until::Finished),
        _ => None,
    };
    if let Value::Object(labels) = given.get("labels") {
        let label = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_string());
        options.labels = labels.iter().map(label).collect();
    }
    options
}

/// Makes a call of a client; the program's other steps need more than that.
fn call(client: &Client, step: &Value) -> Result<Given> {
    let nothing = |()| NOTHING;
    let document = |document| (cordon_sys::CORDON_OK, document);
    let ended = |outcome: Outcome| (outcome.status(), outcome.action().into());
    let operation = text(step, "operation");
    let request = step.get("request").clone();
    match text(step, "do") {
        "secret_set" => {
            let secret = Secret::new(text(step, "value").as_bytes().to_vec());
            client.set_secret(text(step, "name"), secret).map(nothing)
        }
        "secret_remove" => client.remove_secret(text(step, "name")).map(nothing),
        "vault_status" => client.vault_status().map(document),
        "restrict_code_execution" => {
            client.restrict_code_execution(text(step, "machine_id"), text(step, "comment"), &options(step)).map(ended)
        }
        "stop_and_quarantine" => {
            let (machine, sha1, comment) = (text(step, "machine_id"), text(step, "sha1"), text(step, "comment"));
            client.stop_and_quarantine(machine, sha1, comment, &options(step)).map(ended)
        }
        "poll_action" => match time(step, "wait_ms") {
            Some(wait) if !wait.is_zero() => client.wait(text(step, "id")).within(wait),
            _ => client.known_action(text(step, "id")),
        }
        .map(ended),
        "call" if matches!(operation, "get_machine" | "defenestrate") => {
            client.read(operation, request, &options(step)).map(document)
        }
        "call" => client.act(operation, request, &options(step)).map(ended),
        "submit" => client.submit(operation, request, &Options::default()).map(|id| document(id.into())),
        "withdraw" => client.withdraw(text(step, "request_id")).map(nothing),
        "interrupt" => client.interrupt(text(step, "call_id")).map(nothing),
        "shutdown" => client.shutdown(time(step, "timeout_ms")).map(nothing),
        other => panic!("no such step: {other}"),
    }
}

fn answer(given: Result<Given>) -> Answer {
    match given {
        Ok((number, result)) => {
            let known = cordon_sys::CONSTANTS.iter().find(|(_, other)| *other == number);
            let (name, _) = known.expect("a status that the binding knows");
            Answer { status: name.to_string(), result, error: Value::Null }
        }
        Err(error) => Answer { status: error.code.to_string(), result: Value::Null, error: (&error).into() },
    }
}

fn constants() -> Value {
    Value::object(cordon_sys::CONSTANTS.iter().map(|(name, number)| (*name, i64::from(*number).into())))
}

fn layout() -> Value {
    let offset = |built: usize| i64::try_from(built).unwrap_or_default().into();
    Value::object(cordon_sys::table_members().into_iter().map(|(name, _, built)| (name, offset(built))))
}

impl Program {
    fn make(&mut self, step: &Value) -> Result<Given> {
        let name = text(step, "client");
        match text(step, "do") {
            "version" => Ok((cordon_sys::CORDON_OK, cordon::version().into())),
            "constants" => Ok((cordon_sys::CORDON_OK, constants())),
            "layout" => Ok((cordon_sys::CORDON_OK, layout())),
            "open" => {
                let client = Client::open(&step.get("config").to_string())?;
                self.clients.insert(name.to_string(), Arc::new(client));
                Ok(NOTHING)
            }
            "free" => {
                self.clients.remove(name);
                Ok(NOTHING)
            }
            "next_event" => self.next_event(step),
            _ => call(&self.clients[name], step),
        }
    }

    /// Goes on behind the last event read where the step names no cursor.
    fn next_event(&mut self, step: &Value) -> Result<Given> {
        let name = text(step, "client");
        let given = step.get("options");
        let default = || self.read.get(name).copied().unwrap_or_default();
        let after = given.get("after").as_integer().unwrap_or_else(default);
        let scope = if text(given, "scope") == "all" { Scope::All } else { Scope::Client };
        let mut events = self.clients[name].events(after, scope);
        let event = events.within(time(step, "wait_ms").unwrap_or_default())?;
        self.read.insert(name.to_string(), events.cursor());
        Ok(match event {
            Some(event) => (cordon_sys::CORDON_OK, (&event).into()),
            None => (cordon_sys::CORDON_NO_EVENT, Value::Null),
        })
    }

    fn answer(&mut self, step: Value) -> Answer {
        let background = text(&step, "background").to_string();
        if background.is_empty() {
            return answer(self.make(&step));
        }
        if text(&step, "do") == "join" {
            return self.background.remove(&background).expect("a call of this name").join().expect("no panic");
        }
        let client = Arc::clone(&self.clients[text(&step, "client")]);
        self.background.insert(background, thread::spawn(move || answer(call(&client, &step))));
        Answer { status: "STARTED".to_string(), result: Value::Null, error: Value::Null }
    }
}

fn main() -> io::Result<()> {
    let mut program = Program::default();
    for line in io::stdin().lock().lines() {
        let step = Value::parse(&line?).map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason))?;
        let name = step.get("step").clone();
        let Answer { status, result, error } = program.answer(step);
        let members = BTreeMap::from([("error", error), ("result", result), ("status", status.into()), ("step", name)]);
        writeln!(io::stdout(), "{}", Value::object(members))?;
        io::stdout().flush()?;
    }
    Ok(())
}
