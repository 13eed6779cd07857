//! `wsgen lsp`, driven over standard input and output as an editor does.

mod actions;
mod chance;
mod completion;
mod diagnostics;
mod editor;
mod hover;
mod layout;
mod names;
mod session;

/// A spec without a finding; its lines are what the tests point at.
const SPEC: &str = "\
wsgen: 1
listeners:
  plain: { port: 8080, address: 127.0.0.1 }
upstreams:
  chat: { servers: [10.0.0.1:9000, 10.0.0.2:9000] }
routes:
  - name: socket
    host: example.com
    path: /ws
    upstream: chat
    websocket: { idle: 1h, origins: [https://example.com] }
";
