//! What the sweep knows of a tunnel, and its orders to it: when its time is up, when it is to end on purpose, why it ended.

use std::cell::Cell;
use std::sync::Arc;
use std::task::Waker;

use crate::proxy::clock;
use crate::proxy::request::limit::Bucket;
use crate::proxy::tunnel::frames::Start;

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
    /// Frames of messages in an order that is none, where messages are counted.
    Malformed,
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
            Self::Malformed => "malformed",
            Self::Drain => "drain",
            Self::Broken => "broken",
        }
    }

    /// The close code that both sides get (RFC 6455 §7.4.1).
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::TooMany => 1008,
            Self::Malformed => 1002,
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

impl Rules {
    /// Whether messages are counted or measured: then they have to be whole ones.
    pub(crate) fn reads_messages(&self) -> bool {
        self.longest.is_some() || self.messages.is_some()
    }

    /// Why a frame does not pass, in either direction.
    pub(crate) fn refuses(&self, start: Start) -> Option<End> {
        if start.misplaced && self.reads_messages() {
            return Some(End::Malformed);
        }
        let too_long = self.longest.is_some_and(|most| start.message > most);
        too_long.then_some(End::TooLong)
    }
}

/// What went through.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Amounts {
    /// Bytes from the client.
    pub(crate) up: u64,
    /// Bytes to the client.
    pub(crate) down: u64,
    /// Messages of the client.
    pub(crate) messages_up: u64,
    /// Messages to the client.
    pub(crate) messages_down: u64,
}

impl Amounts {
    /// As much more.
    pub(crate) fn add(&mut self, more: Self) {
        self.up += more.up;
        self.down += more.down;
        self.messages_up += more.messages_up;
        self.messages_down += more.messages_down;
    }
}

/// What the sweep knows of a tunnel, and the sweep's orders to it.
pub(crate) struct Watch {
    opened: u64,
    from_client: Cell<u64>,
    from_server: Cell<u64>,
    pinged: Cell<u64>,
    carried: Cell<Amounts>,
    /// What the metrics do not know yet.
    untold: Cell<Amounts>,
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
            carried: Cell::default(),
            untold: Cell::default(),
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

    /// Bytes came from the client, with so many ends of messages.
    pub(crate) fn heard_client(&self, bytes: usize, messages: u64) {
        self.from_client.set(clock::soon());
        self.carries(Amounts {
            up: bytes as u64,
            messages_up: messages,
            ..Amounts::default()
        });
    }

    /// Bytes came from the server, with so many ends of messages.
    pub(crate) fn heard_server(&self, bytes: usize, messages: u64) {
        self.from_server.set(clock::soon());
        self.carries(Amounts {
            down: bytes as u64,
            messages_down: messages,
            ..Amounts::default()
        });
    }

    fn carries(&self, more: Amounts) {
        for all in [&self.carried, &self.untold] {
            let mut amounts = all.get();
            amounts.add(more);
            all.set(amounts);
        }
    }

    /// What went through so far.
    pub(crate) fn carried(&self) -> Amounts {
        self.carried.get()
    }

    /// What went through since this was last asked.
    pub(crate) fn untold(&self) -> Amounts {
        self.untold.take()
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
