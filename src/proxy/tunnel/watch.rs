//! What the sweep knows of a tunnel, and its orders to it: when its time is up, when it is to end on purpose, why it ended.

use std::cell::Cell;
use std::sync::Arc;
use std::task::Waker;

use crate::proxy::clock;
use crate::proxy::request::limit::Bucket;

/// Why a tunnel ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum End {
    /// The client ended it.
    Client,
    /// The server ended it.
    Server,
    /// No byte for too long.
    Idle,
    /// Its time was up.
    Age,
    /// A message was too long.
    TooLong,
    /// Too many messages.
    TooMany,
    /// The proxy stops, or its route is gone.
    Drain,
    /// A connection broke.
    Broken,
}

impl End {
    /// The word in logs and metrics.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Idle => "idle",
            Self::Age => "max_duration",
            Self::TooLong => "max_message",
            Self::TooMany => "messages",
            Self::Drain => "drain",
            Self::Broken => "broken",
        }
    }

    /// The close code that both sides get (RFC 6455 §7.4.1).
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::TooMany => 1008,
            Self::Client | Self::Server | Self::Broken => 1000,
            Self::Idle | Self::Age | Self::Drain => 1001,
        }
    }
}

/// A tunnel's rules. Times are milliseconds; 0 is none.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    /// The route's name: what a reload asks.
    pub(crate) route: String,
    /// Without a byte for this long it ends.
    pub(crate) idle: u64,
    /// After this long it ends.
    pub(crate) age: u64,
    /// A side that is silent for this long gets a ping.
    pub(crate) ping: u64,
    /// The longest message.
    pub(crate) longest: Option<u64>,
    /// How many messages a client may send.
    pub(crate) messages: Option<Bucket>,
}

/// What the sweep knows of a tunnel, and the sweep's orders to it.
pub(crate) struct Watch {
    opened: u64,
    from_client: Cell<u64>,
    from_server: Cell<u64>,
    pinged: Cell<u64>,
    rules: Arc<Rules>,
    /// Whether it carries WebSocket frames.
    pub(crate) frames: bool,
    /// When it ends on purpose; 0 is never.
    due: Cell<u64>,
    /// Until when it may say goodbye; 0 where it has not begun to.
    until: Cell<u64>,
    order: Cell<Option<Order>>,
    waker: Cell<Option<Waker>>,
}

/// What a tunnel is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// To end.
    End(End),
    /// To send a ping to who is silent.
    Ping {
        /// The client is.
        client: bool,
        /// The server is.
        server: bool,
    },
}

impl Watch {
    /// A tunnel that has just been opened.
    pub(crate) fn new(rules: Arc<Rules>, frames: bool) -> Self {
        let now = clock::now();
        Self {
            opened: now,
            from_client: Cell::new(now),
            from_server: Cell::new(now),
            pinged: Cell::new(0),
            rules,
            frames,
            due: Cell::new(0),
            until: Cell::new(0),
            order: Cell::new(None),
            waker: Cell::new(None),
        }
    }

    /// Its rules.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Bytes came from the client.
    pub(crate) fn heard_client(&self) {
        self.from_client.set(clock::soon());
    }

    /// Bytes came from the server.
    pub(crate) fn heard_server(&self) {
        self.from_server.set(clock::soon());
    }

    /// Ends on purpose at this moment, if not before.
    pub(crate) fn end_at(&self, due: u64) {
        if self.due.get() == 0 {
            self.due.set(due);
        }
    }

    /// Does not end on purpose after all.
    pub(crate) fn stay(&self) {
        self.due.set(0);
    }

    /// It says goodbye now: what is not said until then is not waited for.
    pub(crate) fn parts(&self, until: u64) {
        self.until.set(until);
    }

    /// Whether the time for saying goodbye is over.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.until.get() != 0 && now >= self.until.get()
    }

    /// What it was told since it last asked.
    pub(crate) fn order(&self) -> Option<Order> {
        self.order.take()
    }

    /// Who is woken by an order.
    pub(crate) fn wait(&self, waker: &Waker) {
        let known = self.waker.take();
        self.waker.set(match known {
            Some(known) if known.will_wake(waker) => Some(known),
            _ => Some(waker.clone()),
        });
    }

    /// Looks whether its time is up.
    pub(crate) fn sweep(&self, now: u64) {
        let rules = &self.rules;
        if self.until.get() != 0 {
            if self.is_over(now) {
                self.wake();
            }
            return;
        }
        if self.due.get() != 0 && now >= self.due.get() {
            self.end(End::Drain);
            return;
        }
        let last = self.from_client.get().max(self.from_server.get());
        if rules.age != 0 && now.saturating_sub(self.opened) >= rules.age {
            self.end(End::Age);
        } else if rules.idle != 0 && now.saturating_sub(last) >= rules.idle {
            self.end(End::Idle);
        } else if rules.ping != 0 {
            let silent =
                |since: u64| now.saturating_sub(since.max(self.pinged.get())) >= rules.ping;
            let client = silent(self.from_client.get());
            let server = silent(self.from_server.get());
            if client || server {
                self.pinged.set(now);
                self.give(Order::Ping { client, server });
            }
        }
    }

    /// Ends it.
    pub(crate) fn end(&self, end: End) {
        if !matches!(self.order.get(), Some(Order::End(_))) {
            self.give(Order::End(end));
        }
    }

    fn give(&self, order: Order) {
        self.order.set(Some(order));
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
