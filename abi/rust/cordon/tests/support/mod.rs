//! A cordon-emulator of a test's own, and a client for it.
#![allow(dead_code)] // each test program uses a part

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cordon::json::Value;
use cordon::{Client, Options, Outcome, Secret};

/// For what takes milliseconds on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const RESTRICT: &str = "restrict_code_execution";

pub struct Emulator {
    process: Child,
    pub folder: PathBuf,
    ready: Value,
    config: BTreeMap<String, Value>,
}

impl Emulator {
    /// Starts one. `CORDON_EMULATOR` names the program.
    pub fn start() -> Emulator {
        let program = std::env::var("CORDON_EMULATOR").expect("CORDON_EMULATOR does not name the emulator");
        let folder = fresh_folder();
        let ready_file = folder.join("ready.json");
        let process = Command::new(program)
            .args(["--speed", "60", "--ready-file"])
            .arg(&ready_file)
            .arg("--tls-dir")
            .arg(folder.join("tls"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator does not start");
        let mut emulator = Emulator { process, folder, ready: Value::Null, config: BTreeMap::new() };
        eventually("the emulator is ready", || {
            assert!(emulator.process.try_wait().unwrap().is_none(), "the emulator has ended");
            let text = fs::read_to_string(&ready_file).unwrap_or_default();
            emulator.ready = Value::parse(&text).unwrap_or_default();
            emulator.ready != Value::Null
        });
        if let Value::Object(config) = emulator.ready.get("config") {
            emulator.config = config.clone();
        }
        emulator.set("state_dir", path(&emulator.folder.join("state")));
        emulator.set("vault", Value::object([("file", Value::Null)]));
        emulator.set("track", Value::object([("interval_ms", 50.into())]));
        emulator.set("reconcile", Value::object([("settle_ms", 700.into())]));
        emulator
    }

    pub fn set(&mut self, member: &str, value: Value) {
        self.config.insert(member.to_string(), value);
    }

    pub fn config(&self) -> String {
        Value::Object(self.config.clone()).to_string()
    }

    /// A client that can get tokens.
    pub fn open(&self) -> Client {
        let client = Client::open(&self.config()).unwrap();
        let secret = self.ready.get("client_secret").as_str().unwrap();
        client.set_secret("emulator-app", Secret::new(secret.as_bytes().to_vec())).unwrap();
        client
    }

    pub fn machine(&self, number: usize) -> &str {
        self.ready.get("machines").as_array().unwrap()[number].as_str().unwrap()
    }

    pub fn machines(&self) -> Vec<&str> {
        self.ready.get("machines").as_array().unwrap().iter().filter_map(Value::as_str).collect()
    }

    pub fn file(&self) -> &str {
        self.ready.get("files").as_array().unwrap()[0].as_str().unwrap()
    }

    pub fn cast(&self, role: &str) -> &str {
        self.ready.get("cast").get(role).as_str().unwrap()
    }

    /// Talks to the control plane.
    pub fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("{}{path}", self.ready.get("control_url").as_str().unwrap());
        let output = Command::new("curl")
            .args(["-sS", "--fail-with-body", "--noproxy", "*", "-H", "Content-Type: application/json"])
            .args(["--cacert", self.ready.get("ca_file").as_str().unwrap(), "-X", method])
            .args(if body.is_empty() { vec![] } else { vec!["-d", body] })
            .arg(url)
            .output()
            .unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{method} {path}: {answer}{}", String::from_utf8_lossy(&output.stderr));
        Value::parse(&answer).unwrap_or_default()
    }

    pub fn advance(&self, seconds: i64) {
        self.control("POST", "/emulator/advance", &format!("{{\"seconds\":{seconds}}}"));
    }

    pub fn fault(&self, kind: &str) {
        let endpoint = "POST /api/machines/{id}/restrictCodeExecution";
        let fault = Value::object([("endpoint", endpoint.into()), ("kind", kind.into()), ("times", 1.into())]);
        self.control("POST", "/emulator/faults", &fault.to_string());
    }

    /// How many actions the service has.
    pub fn actions(&self) -> usize {
        self.control("GET", "/emulator/actions", "").as_array().unwrap().len()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn fresh_folder() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("cordon-rust-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).unwrap();
    folder
}

pub fn path(path: &Path) -> Value {
    path.to_str().unwrap().into()
}

pub fn request(machine: &str) -> Value {
    Value::object([("machine_id", machine.into()), ("comment", "a test".into())])
}

pub fn patient() -> Options {
    Options { timeout: Some(PATIENCE), ..Options::default() }
}

pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn assert_done(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub fn waker_of_this_thread() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Runs futures to their ends on this thread alone.
pub fn block_on_all<F: Future + Unpin>(futures: Vec<F>) -> Vec<F::Output> {
    let waker = waker_of_this_thread();
    let mut context = Context::from_waker(&waker);
    let mut results: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let mut futures: Vec<Option<F>> = futures.into_iter().map(Some).collect();
    let deadline = Instant::now() + PATIENCE;
    while results.iter().any(Option::is_none) {
        assert!(Instant::now() < deadline, "a future does not end");
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if let Some(running) = future {
                if let Poll::Ready(output) = Pin::new(running).poll(&mut context) {
                    *result = Some(output);
                    *future = None;
                }
            }
        }
        if results.iter().any(Option::is_none) {
            thread::park_timeout(PATIENCE);
        }
    }
    results.into_iter().flatten().collect()
}

pub fn block_on<F: Future + Unpin>(future: F) -> F::Output {
    block_on_all(vec![future]).pop().unwrap()
}
