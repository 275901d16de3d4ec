use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use crate::client::act;
use crate::json::Value;
use crate::native::Handle;
use crate::wait::Slot;
use crate::{Error, ErrorCode, Options, Outcome, Result};

/// A blocking call under way on a thread of its own. A future for any executor, or a thread by [`Running::join`].
/// Dropping it before its end interrupts the call: what was not sent never will be; what was sent goes on and is found
/// in the ledger.
#[derive(Debug)]
#[must_use = "dropping it interrupts the call"]
pub struct Running {
    slot: Arc<Slot>,
    handle: Handle,
    call_id: String,
}

impl Running {
    pub(crate) fn start(handle: Handle, operation: String, request: Value, mut options: Options) -> Result<Running> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let fresh = || format!("rust-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let call_id = options.call_id.get_or_insert_with(fresh).clone();
        let slot = Arc::new(Slot::default());
        let filled = Arc::clone(&slot);
        thread::Builder::new()
            .name("cordon-call".to_string())
            .spawn(move || filled.fill(act(handle, &operation, request, &options)))
            .map_err(|reason| {
                let message = format!("no thread for the call, nothing was sent: {reason}");
                Error::new(ErrorCode::Internal, message)
            })?;
        Ok(Running { slot, handle, call_id })
    }

    /// Blocks this thread until the call has ended.
    pub fn join(self) -> Result<Outcome> {
        self.slot.wait(None).expect("without a deadline there is a result")
    }

    /// Ends the call early; its result still comes and says on which side it is.
    pub fn interrupt(&self) {
        while !self.slot.is_filled() {
            match self.handle.interrupt(&self.call_id) {
                // It may not have reached the library yet.
                Err(error) if error.code == ErrorCode::NotFound => thread::sleep(Duration::from_millis(1)),
                _ => return,
            }
        }
    }
}

impl Future for Running {
    type Output = Result<Outcome>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Outcome>> {
        self.slot.poll(context)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.interrupt();
    }
}
