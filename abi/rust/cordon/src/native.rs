//! The crossing into the library: the only module with `unsafe` calls. Texts and errors are copied and given back here.

use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::ptr;
use std::time::Duration;

use cordon_sys as sys;

use crate::json::Value;
use crate::{Error, ErrorCode, Result, Secret};

/// The version of the loaded library, as text.
pub fn version() -> &'static str {
    // Safety: a static text, never null.
    unsafe { static_text(sys::cordon_version()) }
}

/// The version of the loaded library's ABI; 1000000 is 1.0.0.
pub fn abi_version() -> u32 {
    // Safety: no arguments, no state.
    unsafe { sys::cordon_abi_version() }
}

/// The operations, their requests and permissions, as JSON.
pub fn manifest() -> &'static str {
    // Safety: a static text, never null.
    unsafe { static_text(sys::cordon_manifest()) }
}

pub(crate) fn status_name(status: i32) -> &'static str {
    // Safety: a static text for any number, never null.
    unsafe { static_text(sys::cordon_status_name(status)) }
}

unsafe fn static_text(text: *const c_char) -> &'static str {
    CStr::from_ptr(text).to_str().unwrap_or_default()
}

/// A client's handle: a token that the library looks up at each call and never gives out again, so that using it after
/// its end is an error and no danger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle(usize);

/// How long a call may take.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    Default,
    /// What is known now.
    Now,
    Within(Duration),
}

impl Limit {
    pub(crate) fn of(timeout: Option<Duration>) -> Limit {
        timeout.map_or(Limit::Default, Limit::Within)
    }

    fn milliseconds(self) -> i32 {
        match self {
            Limit::Default => -1,
            Limit::Now => 0,
            Limit::Within(time) => {
                let rounded_up = (time.as_nanos() + 999_999) / 1_000_000;
                i32::try_from(rounded_up).unwrap_or(i32::MAX)
            }
        }
    }
}

/// A status of at least 0, and the text that came with it. What a status above 0 means is the caller's to say.
pub(crate) type Answer = (i32, String);

/// The text of a call that reads. A sign-in that waits for its person is an answer too, and its document says so.
pub(crate) fn text_of(answer: Answer) -> Result<String> {
    match answer {
        (sys::CORDON_OK | sys::CORDON_PENDING, text) => Ok(text),
        (status, _) => Err(Error::not_success(status)),
    }
}

fn c_text(name: &str, text: &str) -> Result<CString> {
    // C would end it at a NUL byte and act on the rest.
    CString::new(text).map_err(|_| {
        let message = format!("{name} holds a NUL byte; remove it");
        Error::new(ErrorCode::InvalidArgument, message)
    })
}

fn optional(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

/// Makes an `Error` of what a call gave, and gives that back.
fn check(status: i32, error: *mut sys::cordon_error) -> Result<i32> {
    if status >= 0 {
        return Ok(status);
    }
    // Safety: a status below 0 comes with an error, which is ours and outlives its texts.
    unsafe {
        let text = |text| CStr::from_ptr(text).to_string_lossy().into_owned();
        let message = text(sys::cordon_error_message(error));
        let document = Value::parse(&text(sys::cordon_error_json(error))).unwrap_or_default();
        sys::cordon_error_free(error);
        Err(Error::of(ErrorCode::of(status), message, &document))
    }
}

/// Makes a call that gives a text.
fn with_text(call: impl FnOnce(*mut *mut c_char, *mut *mut sys::cordon_error) -> i32) -> Result<Answer> {
    let (mut out, mut error) = (ptr::null_mut(), ptr::null_mut());
    let status = check(call(&mut out, &mut error), error)?;
    if out.is_null() {
        return Ok((status, String::new()));
    }
    // Safety: the text is ours, and ends with a NUL byte.
    unsafe {
        let text = CStr::from_ptr(out).to_string_lossy().into_owned();
        sys::cordon_string_free(out);
        Ok((status, text))
    }
}

/// Makes a call that gives nothing: it is done, or it is not.
fn plain(call: impl FnOnce(*mut *mut sys::cordon_error) -> i32) -> Result<()> {
    let mut error = ptr::null_mut();
    match check(call(&mut error), error)? {
        sys::CORDON_OK => Ok(()),
        status => Err(Error::not_success(status)),
    }
}

// Safety of all calls below: texts live until the call returns; outputs are places of our own; the handle is checked by
// the library.
impl Handle {
    pub(crate) fn open(config: Option<&str>) -> Result<Handle> {
        let config = config.map(|text| c_text("config", text)).transpose()?;
        let mut client = ptr::null_mut();
        let opened =
            plain(|error| unsafe { sys::cordon_init(sys::CORDON_ABI_VERSION, optional(&config), &mut client, error) });
        let handle = Handle(client as usize);
        if opened.is_err() {
            handle.free();
        }
        opened.map(|()| handle)
    }

    pub(crate) fn raw(self) -> *mut sys::cordon_client {
        self.0 as *mut sys::cordon_client
    }

    pub(crate) fn reload(self, config: &str) -> Result<()> {
        let config = c_text("config", config)?;
        plain(|error| unsafe { sys::cordon_reload(self.raw(), config.as_ptr(), error) })
    }

    pub(crate) fn shutdown(self, limit: Limit) -> Result<()> {
        plain(|error| unsafe { sys::cordon_shutdown(self.raw(), limit.milliseconds(), error) })
    }

    /// Whether this process is a fork of the client's, where none of its threads is.
    pub(crate) fn is_forked(self) -> bool {
        let status = unsafe { sys::cordon_event_fd(self.raw(), ptr::null_mut(), ptr::null_mut()) };
        ErrorCode::of(status) == ErrorCode::Forked
    }

    /// In a forked child it does nothing.
    pub(crate) fn free(self) {
        unsafe { sys::cordon_client_free(self.raw()) }
    }

    pub(crate) fn restrict_code_execution(
        self,
        machine_id: &str,
        comment: &str,
        options: Option<String>,
        limit: Limit,
    ) -> Result<Answer> {
        let machine_id = c_text("machine_id", machine_id)?;
        let comment = c_text("comment", comment)?;
        let options = options.map(|text| c_text("options", &text)).transpose()?;
        with_text(|out, error| unsafe {
            sys::cordon_restrict_code_execution(
                self.raw(),
                machine_id.as_ptr(),
                comment.as_ptr(),
                optional(&options),
                limit.milliseconds(),
                out,
                error,
            )
        })
    }

    pub(crate) fn stop_and_quarantine(
        self,
        machine_id: &str,
        sha1: &str,
        comment: &str,
        options: Option<String>,
        limit: Limit,
    ) -> Result<Answer> {
        let machine_id = c_text("machine_id", machine_id)?;
        let sha1 = c_text("sha1", sha1)?;
        let comment = c_text("comment", comment)?;
        let options = options.map(|text| c_text("options", &text)).transpose()?;
        with_text(|out, error| unsafe {
            sys::cordon_stop_and_quarantine(
                self.raw(),
                machine_id.as_ptr(),
                sha1.as_ptr(),
                comment.as_ptr(),
                optional(&options),
                limit.milliseconds(),
                out,
                error,
            )
        })
    }

    pub(crate) fn poll_action(self, id: &str, options: Option<String>, wait: Limit) -> Result<Answer> {
        let id = c_text("id", id)?;
        let options = options.map(|text| c_text("options", &text)).transpose()?;
        let wait_ms = wait.milliseconds();
        with_text(|out, error| unsafe {
            sys::cordon_poll_action(self.raw(), id.as_ptr(), optional(&options), wait_ms, out, error)
        })
    }

    pub(crate) fn call(self, operation: &str, request: &str, limit: Limit) -> Result<Answer> {
        let operation = c_text("operation", operation)?;
        let request = c_text("request", request)?;
        let timeout_ms = limit.milliseconds();
        with_text(|out, error| unsafe {
            sys::cordon_call(self.raw(), operation.as_ptr(), request.as_ptr(), timeout_ms, out, error)
        })
    }

    pub(crate) fn submit(self, operation: &str, request: &str) -> Result<Answer> {
        let operation = c_text("operation", operation)?;
        let request = c_text("request", request)?;
        with_text(|out, error| unsafe {
            sys::cordon_submit(self.raw(), operation.as_ptr(), request.as_ptr(), out, error)
        })
    }

    pub(crate) fn next_event(self, options: &str, wait: Limit) -> Result<Answer> {
        let options = c_text("options", options)?;
        let wait_ms = wait.milliseconds();
        with_text(|out, error| unsafe { sys::cordon_next_event(self.raw(), options.as_ptr(), wait_ms, out, error) })
    }

    pub(crate) fn withdraw(self, request_id: &str) -> Result<()> {
        let request_id = c_text("request_id", request_id)?;
        plain(|error| unsafe { sys::cordon_withdraw(self.raw(), request_id.as_ptr(), error) })
    }

    pub(crate) fn interrupt(self, call_id: &str) -> Result<()> {
        let call_id = c_text("call_id", call_id)?;
        plain(|error| unsafe { sys::cordon_interrupt(self.raw(), call_id.as_ptr(), error) })
    }

    pub(crate) fn vault_unlock(self, kind: &str, secret: &Secret) -> Result<()> {
        let kind = c_text("kind", kind)?;
        let bytes = secret.bytes();
        plain(|error| unsafe {
            let start = bytes.as_ptr().cast();
            sys::cordon_vault_unlock(self.raw(), kind.as_ptr(), start, bytes.len(), error)
        })
    }

    pub(crate) fn secret_set(self, name: &str, secret: &Secret) -> Result<()> {
        let name = c_text("name", name)?;
        let bytes = secret.bytes();
        plain(|error| unsafe {
            let start = bytes.as_ptr().cast();
            sys::cordon_secret_set(self.raw(), name.as_ptr(), start, bytes.len(), error)
        })
    }

    pub(crate) fn secret_remove(self, name: &str) -> Result<()> {
        let name = c_text("name", name)?;
        plain(|error| unsafe { sys::cordon_secret_remove(self.raw(), name.as_ptr(), error) })
    }

    pub(crate) fn vault_rekey(self, options: &str, secret: Option<&Secret>, limit: Limit) -> Result<()> {
        let options = c_text("change", options)?;
        let bytes = secret.map_or(&[][..], Secret::bytes);
        plain(|error| unsafe {
            let start = bytes.as_ptr().cast();
            let timeout_ms = limit.milliseconds();
            sys::cordon_vault_rekey(self.raw(), options.as_ptr(), start, bytes.len(), timeout_ms, error)
        })
    }

    pub(crate) fn vault_status(self) -> Result<Answer> {
        with_text(|out, error| unsafe { sys::cordon_vault_status(self.raw(), out, error) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_new_to_this_crate_is_never_success() {
        assert!(plain(|_| sys::CORDON_OK).is_ok());
        for status in [42, sys::CORDON_PENDING] {
            let error = plain(|_| status).unwrap_err();
            assert_eq!(error.code, ErrorCode::Unknown(status));
            assert!(error.message.contains(&format!("status {status},")) && !error.retryable, "{error}");
        }
        assert_eq!(text_of((42, "{}".to_string())).unwrap_err().code.number(), 42);
        assert!(text_of((sys::CORDON_PENDING, "{}".to_string())).is_ok());
        let error = Error::not_known(42, Some("id"));
        assert!(error.outcome_unknown && error.request_id.as_deref() == Some("id"), "{error:?}");
    }
}
