//! Asynchronous work for callers that block: a runtime on a thread of its own, so that a connection is served also while
//! nobody waits for it.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// It runs until it is dropped.
#[derive(Debug)]
pub(in crate::verify) struct Engine {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

/// What was written last is still to leave when nobody waits any more.
const LINGER: Duration = Duration::from_millis(100);

impl Engine {
    pub(in crate::verify) fn start() -> io::Result<Arc<Engine>> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().spawn(move || {
            runtime.block_on(async {
                let _ = stopped.await;
                tokio::time::sleep(LINGER).await;
            });
        })?;
        Ok(Arc::new(Engine {
            handle,
            _stop: stop,
        }))
    }

    /// What the work comes to; `TimedOut` after `limit`. Not for the engine's own tasks.
    pub(in crate::verify) fn wait<F: Future>(
        &self,
        limit: Duration,
        work: F,
    ) -> io::Result<F::Output> {
        let limited = async { tokio::time::timeout(limit, work).await };
        let outcome = self.handle.block_on(limited);
        outcome.map_err(|_| io::Error::new(ErrorKind::TimedOut, "nothing came in time"))
    }

    /// What the work comes to, however long it takes. Not for the engine's own tasks.
    pub(in crate::verify) fn run<F: Future>(&self, work: F) -> F::Output {
        self.handle.block_on(work)
    }
}
