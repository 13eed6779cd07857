//! The door that a connection came in by: the listener as it is now, until a reload takes it away or makes it another one.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use crate::ir::ListenerId;

use crate::proxy::process::worker::{Local, Worker};

/// A listener on one thread, for the connections that it accepts.
pub(crate) struct Door {
    listener: Cell<ListenerId>,
    /// What its connections finish by, once it is closed by a reload.
    last: RefCell<Option<Rc<Local>>>,
    /// Once it is closed: until when its connections may go on.
    until: Cell<Option<Instant>>,
    /// Who waits for that.
    waiting: RefCell<Waiting>,
}

impl Door {
    /// An open door.
    pub(crate) fn new(listener: ListenerId) -> Rc<Self> {
        Rc::new(Self {
            listener: Cell::new(listener),
            last: RefCell::default(),
            until: Cell::new(None),
            waiting: RefCell::default(),
        })
    }

    /// The same listener has this id from now on.
    pub(crate) fn stays(&self, listener: ListenerId) {
        self.listener.set(listener);
    }

    /// Its connections finish what is under way, by what was served until now where that goes.
    pub(crate) fn close(&self, last: Option<Rc<Local>>, until: Instant) {
        if last.is_some() {
            self.last.replace(last);
        }
        self.until.set(Some(until));
        for waker in self.waiting.borrow().wakers.iter().flatten() {
            waker.wake_by_ref();
        }
    }

    /// What a request that comes now is served by.
    pub(crate) fn local(&self, worker: &Worker) -> (Rc<Local>, ListenerId) {
        let last = self.last.borrow().as_ref().map(Rc::clone);
        let local = last.unwrap_or_else(|| worker.local());
        (local, self.listener.get())
    }

    /// Waits until it is closed: until when its connections may go on.
    pub(crate) fn closed(&self) -> Closed<'_> {
        Closed {
            door: self,
            place: None,
        }
    }
}

/// Waits until a door is closed. It is asked whenever its connection has something to do, so that asking must cost nothing.
pub(crate) struct Closed<'a> {
    door: &'a Door,
    /// Where its waker is.
    place: Option<usize>,
}

impl Future for Closed<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let this = self.get_mut();
        if let Some(until) = this.door.until.get() {
            return Poll::Ready(until);
        }
        let mut waiting = this.door.waiting.borrow_mut();
        match this.place.and_then(|place| waiting.get_mut(place)) {
            Some(Some(known)) if known.will_wake(cx.waker()) => {}
            Some(known) => *known = Some(cx.waker().clone()),
            None => this.place = Some(waiting.insert(cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.door.waiting.borrow_mut().remove(place);
        }
    }
}

/// Wakers, each at a place of its own.
#[derive(Default)]
struct Waiting {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Waiting {
    fn insert(&mut self, waker: Waker) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.wakers[place] = Some(waker);
                place
            }
            None => {
                self.wakers.push(Some(waker));
                self.wakers.len() - 1
            }
        }
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Option<Waker>> {
        self.wakers.get_mut(place)
    }

    fn remove(&mut self, place: usize) {
        self.wakers[place] = None;
        self.free.push(place);
    }
}
