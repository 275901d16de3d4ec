//! A host of Cordon in Rust: restricts a device, quarantines a file, follows both to their end.
//!
//!     host CONFIG MACHINE SHA1
//!
//! CONFIG is a path, or - for the library's own choice. Exit: 0 both were done, 1 an error, 2 wrong use, 3 something
//! ended otherwise or has not ended.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cordon::json::Value;
use cordon::{Client, Options, Outcome, State};

const DONE: u8 = 0;
const ERROR: u8 = 1;
const USAGE: u8 = 2;
const OTHERWISE: u8 = 3;

const PATIENCE: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = match &arguments[..] {
        [config, machine, sha1] => run(config, machine, sha1).unwrap_or_else(|error| {
            eprintln!("{error}");
            ERROR
        }),
        _ => {
            eprintln!("usage: host CONFIG MACHINE SHA1");
            USAGE
        }
    };
    ExitCode::from(code)
}

fn run(config: &str, machine: &str, sha1: &str) -> Result<u8, Box<dyn std::error::Error>> {
    let client = match config {
        "-" => Client::open_default()?,
        file => Client::open(&std::fs::read_to_string(file)?)?,
    };
    let restriction = Value::object([("machine_id", machine.into()), ("comment", "Contain the device".into())]);
    let quarantine =
        Value::object([("machine_id", machine.into()), ("sha1", sha1.into()), ("comment", "Stop the file".into())]);
    let mut options = Options::default();
    options.labels.insert("case".to_string(), "EXAMPLE-1".to_string());

    // Both are recorded before the first is waited for; from then on they outlive this process.
    let orders = [
        ("restrict app execution", client.submit("restrict_code_execution", restriction, &options)?),
        ("stop and quarantine", client.submit("stop_and_quarantine", quarantine, &options)?),
    ];
    let deadline = Instant::now() + PATIENCE;
    let mut code = DONE;
    for (what, request_id) in &orders {
        let left = deadline.saturating_duration_since(Instant::now());
        let end = client.wait(request_id).within(left);
        println!("{what}: {}", said(&end, request_id));
        if !matches!(end, Ok(Outcome::Done(_))) {
            code = OTHERWISE;
        }
    }
    Ok(code)
}

fn said(end: &cordon::Result<Outcome>, request_id: &str) -> String {
    match end {
        Ok(Outcome::Done(_)) => "done on the device".to_string(),
        Ok(Outcome::Pending(_)) => format!("not done yet; it goes on as request {request_id}"),
        Ok(other) => {
            let action = other.action();
            let reason = action.error_text.as_deref().unwrap_or("no reason given");
            format!("not done: {}, {reason}", action.state.as_ref().map_or("no state", State::word))
        }
        Err(error) if error.outcome_unknown => {
            format!("not known; do not repeat it, poll request {request_id}: {error}")
        }
        Err(error) => error.to_string(),
    }
}
