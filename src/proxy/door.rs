//! The door that a connection came in by: the listener as it is now, until a reload takes it away or makes it another one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::ir::ListenerId;

use super::worker::{Local, Worker};

/// A listener on one thread, for the connections that it accepts.
pub(super) struct Door {
    listener: Cell<ListenerId>,
    /// What its connections finish by, once it is closed by a reload.
    last: RefCell<Option<Rc<Local>>>,
    /// Once it is closed: until when its connections may go on.
    until: watch::Sender<Option<Instant>>,
}

impl Door {
    /// An open door.
    pub(super) fn new(listener: ListenerId) -> Rc<Self> {
        Rc::new(Self {
            listener: Cell::new(listener),
            last: RefCell::default(),
            until: watch::Sender::new(None),
        })
    }

    /// The same listener has this id from now on.
    pub(super) fn stays(&self, listener: ListenerId) {
        self.listener.set(listener);
    }

    /// Its connections finish what is under way, by what was served until now where that goes.
    pub(super) fn close(&self, last: Option<Rc<Local>>, until: Instant) {
        if last.is_some() {
            self.last.replace(last);
        }
        self.until.send_replace(Some(until));
    }

    /// What a request that comes now is served by.
    pub(super) fn local(&self, worker: &Worker) -> (Rc<Local>, ListenerId) {
        let last = self.last.borrow().as_ref().map(Rc::clone);
        let local = last.unwrap_or_else(|| worker.local());
        (local, self.listener.get())
    }

    /// Waits until it is closed: until when its connections may go on.
    pub(super) async fn closed(&self) -> Instant {
        let mut until = self.until.subscribe();
        loop {
            if let Some(until) = *until.borrow_and_update() {
                return until;
            }
            // The sender is here: it outlives this.
            let _ = until.changed().await;
        }
    }
}
