//! Every figure: what is done, on how many connections, and what the proxy's part of it may be.

use crate::load::Work;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// CPU time per operation.
    Cpu,
    /// The time below which 999 of 1000 lie.
    Tail,
}

/// What clients speak.
#[derive(Clone, Copy)]
pub(crate) enum Over {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    Http2,
}

/// One figure.
pub(crate) struct Figure {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) work: fn() -> Work,
    pub(crate) connections: usize,
    pub(crate) over: Over,
    /// Programs that cannot do it.
    pub(crate) without: &'static [&'static str],
    pub(crate) workers: usize,
    pub(crate) what: What,
    /// At most so many times what the program has.
    pub(crate) goals: &'static [(&'static str, f64)],
}

/// All of them, in the order of the table.
pub(crate) const FIGURES: [Figure; 10] = [
    Figure {
        id: "tunnel-new-tls",
        title: "new wss tunnel, CPU",
        work: || Work::Open,
        connections: 16,
        over: Over::Tls,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.6), ("haproxy", 0.6)],
    },
    Figure {
        id: "message-plain",
        title: "64-byte message, CPU",
        work: || Work::Echo(64),
        connections: 128,
        over: Over::Plain,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 1.0)],
    },
    Figure {
        id: "message-tls",
        title: "64-byte message over TLS, CPU",
        work: || Work::Echo(64),
        connections: 128,
        over: Over::Tls,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.85)],
    },
    Figure {
        id: "message-16k",
        title: "16 KiB message, CPU",
        work: || Work::Echo(16 * 1024),
        connections: 64,
        over: Over::Plain,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.15), ("haproxy", 0.45)],
    },
    Figure {
        id: "request-plain",
        title: "small request, CPU",
        work: || Work::get("/"),
        connections: 64,
        over: Over::Plain,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 1.05), ("haproxy", 1.0)],
    },
    Figure {
        id: "request-tls",
        title: "small request over TLS, CPU",
        work: || Work::get("/"),
        connections: 64,
        over: Over::Tls,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.95)],
    },
    Figure {
        id: "request-h2",
        title: "small request over HTTP/2, CPU",
        work: || Work::Multiplexed(16),
        connections: 4,
        over: Over::Http2,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[],
    },
    Figure {
        id: "message-h2",
        title: "64-byte message over HTTP/2 (RFC 8441), CPU",
        work: || Work::EchoOverH2(64),
        connections: 64,
        over: Over::Http2,
        without: &["nginx", "traefik", "caddy"],
        workers: 1,
        what: What::Cpu,
        goals: &[],
    },
    Figure {
        id: "answer-64k",
        title: "64 KiB answer, CPU",
        work: || Work::get("/64k"),
        connections: 32,
        over: Over::Plain,
        without: &[],
        workers: 1,
        what: What::Cpu,
        goals: &[("nginx", 0.75)],
    },
    Figure {
        id: "request-tail",
        title: "small request, p99.9, two workers",
        work: || Work::get("/"),
        connections: 64,
        over: Over::Plain,
        without: &[],
        workers: 2,
        what: What::Tail,
        goals: &[("nginx", 1.0)],
    },
];
