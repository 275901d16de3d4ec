use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::json::Value;
use crate::native::{text_of, Handle, Limit};
use crate::pump::{Pump, Waiting};
use crate::{Error, ErrorCode, Events, Options, Outcome, Result, Running, Scope, Secret, Wait};

/// A client of the library. Any thread may call any method; share it by reference or in an `Arc`. Its drop shuts it
/// down: waiting calls end with [`ErrorCode::ShuttingDown`], submitted requests stay in the ledger for the next client.
/// In a forked child its drop does nothing, and every call says [`ErrorCode::Forked`].
#[derive(Debug)]
pub struct Client {
    handle: Handle,
    pump: Mutex<Option<Pump>>,
}

/// What [`Client::unlock_vault`] is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// 32 bytes, or 64 hexadecimal digits.
    Key,
    /// A passphrase; its key is derived on the caller's thread.
    Passphrase,
}

impl Client {
    /// Opens a client with this configuration, as JSON. A vault without a usable key yet is no error: its first use
    /// says [`ErrorCode::VaultLocked`].
    pub fn open(config: &str) -> Result<Client> {
        Client::of(Some(config))
    }

    /// Opens a client with the file that `$CORDON_CONFIG` names, or `/etc/cordon/cordon.json`.
    pub fn open_default() -> Result<Client> {
        Client::of(None)
    }

    fn of(config: Option<&str>) -> Result<Client> {
        let handle = Handle::open(config)?;
        Ok(Client { handle, pump: Mutex::new(None) })
    }

    /// Takes over a changed configuration; calls under way finish under the old one. On an error the old one stays.
    pub fn reload(&self, config: &str) -> Result<()> {
        self.handle.reload(config)
    }

    /// Refuses new work and takes back blocking calls that have not sent; accepted and submitted requests stay in the
    /// ledger. Waits at most `timeout` (default: the configured one) for transfers under way.
    pub fn shutdown(&self, timeout: Option<Duration>) -> Result<()> {
        self.handle.shutdown(Limit::of(timeout))
    }

    /// Restricts app execution on a device: only programs signed by a Microsoft-issued certificate may start
    /// afterwards. `machine_id` is the device's id at the service, 40 hexadecimal digits; `comment` says why and is
    /// stored by the service.
    ///
    /// Returns when the service holds the action, most often with [`Outcome::Pending`], or with
    /// [`Until::Finished`](crate::Until::Finished) when it has ended.
    pub fn restrict_code_execution(&self, machine_id: &str, comment: &str, options: &Options) -> Result<Outcome> {
        let (limit, options) = limit_and_json(options);
        let answer = self.handle.restrict_code_execution(machine_id, comment, options, limit)?;
        Outcome::of(answer.0, &answer.1)
    }

    /// Stops a running file on a device and quarantines it. There is no undo by API. `sha1` is the file's SHA-1, 40
    /// hexadecimal digits. All else is as for [`Client::restrict_code_execution`].
    pub fn stop_and_quarantine(
        &self,
        machine_id: &str,
        sha1: &str,
        comment: &str,
        options: &Options,
    ) -> Result<Outcome> {
        let (limit, options) = limit_and_json(options);
        let answer = self.handle.stop_and_quarantine(machine_id, sha1, comment, options, limit)?;
        Outcome::of(answer.0, &answer.1)
    }

    /// Performs any operation of the manifest that ends in an action: `"isolate"`, `"cancel_action"`, … `request` is an
    /// object of its parameters. All else is as for [`Client::restrict_code_execution`].
    pub fn act(&self, operation: &str, request: Value, options: &Options) -> Result<Outcome> {
        act(self.handle, operation, request, options)
    }

    /// Begins [`Client::act`] on a thread of its own. The handle is a future, can be joined, and interrupts the call
    /// when it is dropped. For many devices use [`Client::submit`] and [`Client::wait`], which need no threads.
    pub fn start(&self, operation: &str, request: Value, options: &Options) -> Result<Running> {
        Running::start(self.handle, operation.to_string(), request, options.clone())
    }

    /// Performs any operation of the manifest that only answers: `"get_machine"`, `"list_requests"`, `"health"`, … A
    /// sign-in that waits for its person (`"login"`, `"login_status"`) is an answer whose `state` is `"waiting"`.
    pub fn read(&self, operation: &str, request: Value, options: &Options) -> Result<Value> {
        if acts(operation) == Some(true) {
            let message = format!("{operation} ends in an action, which may be pending; use act");
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        let request = with_options(request, options.members())?;
        read_json(&text_of(self.handle.call(operation, &request, Limit::of(options.timeout))?)?)
    }

    /// Where an action stands, by its action id or request id. Waits for its end for `options.timeout`, and is
    /// [`Outcome::Pending`] when that is over. It may ask the service, and so can follow actions that this ledger does
    /// not know. [`ErrorCode::OutcomeUnknown`] while it is unknown whether the request arrived.
    pub fn poll_action(&self, id: &str, options: &Options) -> Result<Outcome> {
        let (limit, options) = limit_and_json(options);
        let answer = self.handle.poll_action(id, options, limit)?;
        Outcome::of(answer.0, &answer.1)
    }

    /// What the ledger knows of an action now, without the network.
    pub fn known_action(&self, id: &str) -> Result<Outcome> {
        known_action(self.handle, id)
    }

    /// Records a request durably and returns its id at once. It is sent in the background, by this process or the next
    /// one, until `options.valid_for` is over. Follow it by [`Client::wait`]. Success means recorded, not done.
    pub fn submit(&self, operation: &str, request: Value, options: &Options) -> Result<String> {
        let request = with_options(request, options.members())?;
        match self.handle.submit(operation, &request)? {
            (cordon_sys::CORDON_OK, request_id) => Ok(request_id),
            (status, _) => Err(Error::not_known(status, options.request_id.as_deref())),
        }
    }

    /// Waits for the end of an action that this client's ledger knows, by its request id or action id: see [`Wait`]. It
    /// asks the ledger once before it returns.
    pub fn wait(&self, id: &str) -> Wait {
        match self.waiting() {
            Ok(waiting) => Wait::new(self.handle, id, waiting),
            Err(error) => Wait::failed(error),
        }
    }

    /// Reads the journal from behind the event with this cursor; 0 is its beginning.
    pub fn events(&self, after: i64, scope: Scope) -> Events<'_> {
        Events::new(self, after, scope)
    }

    /// Takes back a request of which no byte has left; otherwise [`ErrorCode::InvalidState`]. To stop an action at the
    /// service use the operation `"cancel_action"`.
    pub fn withdraw(&self, request_id: &str) -> Result<()> {
        self.handle.withdraw(request_id)
    }

    /// Wakes the blocking calls that carry this [`Options::call_id`]; [`ErrorCode::NotFound`] if there is none. It
    /// changes nothing at the service.
    pub fn interrupt(&self, call_id: &str) -> Result<()> {
        self.handle.interrupt(call_id)
    }

    /// Offers a key for the vault; it is wiped whatever comes of it.
    pub fn unlock_vault(&self, kind: KeyKind, secret: Secret) -> Result<()> {
        let kind = match kind {
            KeyKind::Key => "key",
            KeyKind::Passphrase => "passphrase",
        };
        self.handle.vault_unlock(kind, &secret)
    }

    /// Stores a secret under a name, replacing an older one; it is wiped here whatever comes of it.
    pub fn set_secret(&self, name: &str, value: Secret) -> Result<()> {
        self.handle.secret_set(name, &value)
    }

    /// Removes a secret.
    pub fn remove_secret(&self, name: &str) -> Result<()> {
        self.handle.secret_remove(name)
    }

    /// The names of the secrets and the key slots, never a value.
    pub fn vault_status(&self) -> Result<Value> {
        read_json(&text_of(self.handle.vault_status()?)?)
    }

    /// Changes the vault's key slots or rotates its store key, in one save: see `cordon_vault_rekey` in cordon.h for what
    /// `change` may say, as `{"action": "add_slot", "kind": "key"}`. The new key or passphrase is wiped whatever comes
    /// of it. `timeout` is how long to wait for another writer of the vault.
    pub fn rekey_vault(&self, change: &Value, new_secret: Option<Secret>, timeout: Option<Duration>) -> Result<()> {
        self.handle.vault_rekey(&change.to_string(), new_secret.as_ref(), Limit::of(timeout))
    }

    /// The handle of cordon.h, for functions that this crate does not offer; it ends with the client.
    pub fn as_raw(&self) -> *mut cordon_sys::cordon_client {
        self.handle.raw()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Those who wait for this client's events. Starts the pump when there is none.
    pub(crate) fn waiting(&self) -> Result<Arc<Waiting>> {
        let mut pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner);
        if pump.is_none() {
            *pump = Some(Pump::start(self.handle)?);
        }
        Ok(pump.as_ref().expect("it was just made").waiting())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let forked = self.handle.is_forked();
        self.handle.free();
        match self.pump.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            Some(pump) if forked => std::mem::forget(pump), // its thread is the parent's
            Some(pump) => pump.join(),
            None => {}
        }
    }
}

pub(crate) fn act(handle: Handle, operation: &str, request: Value, options: &Options) -> Result<Outcome> {
    if acts(operation) == Some(false) {
        let message = format!("{operation} answers with no action; use read");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    let request = with_options(request, options.members())?;
    let (status, document) = handle.call(operation, &request, Limit::of(options.timeout))?;
    Outcome::of(status, &document)
}

pub(crate) fn known_action(handle: Handle, id: &str) -> Result<Outcome> {
    let (status, document) = handle.poll_action(id, None, Limit::Now)?;
    Outcome::of(status, &document)
}

fn limit_and_json(options: &Options) -> (Limit, Option<String>) {
    let members = options.members();
    let text = Some(members).filter(|members| !members.is_empty()).map(|members| Value::Object(members).to_string());
    (Limit::of(options.timeout), text)
}

/// The JSON of a request, the options of the call added to those that it may hold itself.
fn with_options(request: Value, options: BTreeMap<String, Value>) -> Result<String> {
    let mut members = match request {
        Value::Object(members) => members,
        Value::Null => BTreeMap::new(),
        _ => return Err(Error::new(ErrorCode::InvalidArgument, "the request is no JSON object")),
    };
    if !options.is_empty() {
        match members.entry("options".to_string()).or_insert_with(|| Value::Object(BTreeMap::new())) {
            Value::Object(given) => given.extend(options),
            _ => return Err(Error::new(ErrorCode::InvalidArgument, "the request's options are no JSON object")),
        }
    }
    Ok(Value::Object(members).to_string())
}

fn read_json(text: &str) -> Result<Value> {
    Value::parse(text).map_err(|reason| {
        let message = format!("the library's answer can't be read: {reason}");
        Error::new(ErrorCode::Internal, message)
    })
}

/// Asks the manifest whether an operation's result is an action with an outcome; `None` for one it does not know, which
/// is left to the library to judge.
fn acts(operation: &str) -> Option<bool> {
    static OPERATIONS: Mutex<Option<BTreeMap<String, bool>>> = Mutex::new(None);
    let mut operations = OPERATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    operations.get_or_insert_with(operations_that_act).get(operation).copied()
}

fn operations_that_act() -> BTreeMap<String, bool> {
    let manifest = Value::parse(crate::native::manifest()).unwrap_or_default();
    let entries = manifest.get("operations").get("operations").as_array().unwrap_or_default();
    let acts = |entry: &Value| {
        let kind = entry.text("kind");
        kind == Some("action") || (kind == Some("local") && entry.text("result") == Some("action"))
    };
    entries.iter().map(|entry| (entry.text("name").unwrap_or_default().to_string(), acts(entry))).collect()
}
