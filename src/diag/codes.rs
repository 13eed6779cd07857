//! What each code of reading and lowering means, in a sentence or two; `wsgen explain CODE` prints it.

/// Code and meaning.
pub const CODES: &[(&str, &str)] = &[
    (
        "yaml::character",
        "A control character or a private-use character stands in the text. Neither belongs in a configuration: write an escape in double quotes where one is meant.",
    ),
    (
        "yaml::duplicate-key",
        "A mapping has a key twice. Most YAML readers silently take the last one; here neither is guessed.",
    ),
    (
        "yaml::empty",
        "The file has no content. A spec starts with `wsgen: 1`.",
    ),
    (
        "yaml::endless-alias",
        "An anchor contains an alias of itself.",
    ),
    ("yaml::key", "A key is a list or a mapping. Keys are words."),
    (
        "yaml::merge",
        "`<<` takes a mapping, or a list of mappings.",
    ),
    (
        "yaml::format",
        "`wsgen fmt` lays out a mapping whose keys stand below each other; a root in braces, or a key over several lines, is left alone.",
    ),
    (
        "yaml::several-documents",
        "A file holds one document. Several files are given with `-f` and merge from left to right.",
    ),
    (
        "yaml::syntax",
        "The text is not YAML here. Usual causes: a tab for indentation, a bracket or quote that is not closed, a `:` without a space.",
    ),
    (
        "yaml::tag",
        "Tags such as `!include` are not part of the language.",
    ),
    (
        "yaml::too-deep",
        "The document nests deeper than any spec does.",
    ),
    (
        "yaml::too-many-nodes",
        "Aliases multiply into more values than any spec needs.",
    ),
    (
        "yaml::unknown-anchor",
        "An alias `*name` names no anchor `&name` above it.",
    ),
    ("yaml::utf8", "A spec is UTF-8 text."),
    (
        "import::character",
        "A control character or a private-use character stands in a configuration that is imported: no program writes one, and no spec may hold one.",
    ),
    (
        "import::dialect",
        "It cannot be told whose configuration a text is: `--from` says it.",
    ),
    (
        "import::empty",
        "Nothing in a configuration leads requests to servers or answers them, so there is no spec to write.",
    ),
    (
        "import::refused",
        "What a configuration says would be a spec that is refused, at the directive that it comes from. Nothing is written.",
    ),
    (
        "import::size",
        "A configuration is larger, or has more files, than an import reads.",
    ),
    (
        "import::syntax",
        "The text is not what the program itself would read: a quote or a block that is not closed, a directive without its end.",
    ),
    ("import::utf8", "A configuration is UTF-8 text."),
    (
        "import::constant-upgrade",
        "Every request towards a server says `Connection: upgrade`, also those that upgrade to nothing. In the spec only a handshake does.",
    ),
    (
        "import::half-upgrade",
        "`Upgrade` is passed on without `Connection`, so no server takes the request for a handshake.",
    ),
    (
        "import::if",
        "`if` of NGINX holds or not by the order of phases, not by the order of the file. The condition is not in the spec.",
    ),
    (
        "import::long-response",
        "One timer of NGINX serves sockets and requests, so a long one for sockets lets a plain request hang as long.",
    ),
    (
        "import::no-boundary",
        "A prefix without a boundary, such as `location /ws`, takes `/wsx` too. A spec's prefix ends at a segment.",
    ),
    (
        "import::no-host",
        "The server does not learn which host the client asked for, so its links, cookies and checks of `Origin` go wrong.",
    ),
    (
        "import::no-http11",
        "Handshakes reach the server as HTTP/1.0, to which many refuse one.",
    ),
    (
        "import::short-idle",
        "A WebSocket that is silent for a minute or less is closed. The spec keeps it: a longer `websocket.idle` is usually meant.",
    ),
    (
        "import::slash",
        "`location /x/` alone answers `/x` with a redirect, which ends a WebSocket's handshake.",
    ),
    (
        "import::spoofable-forwarded",
        "A client's own `X-Forwarded-For` is passed on, so it can pretend to be somebody else. The spec drops it unless a trusted proxy sent it.",
    ),
    (
        "import::uneven-slash",
        "A location and its `proxy_pass` do not both end with `/`, so paths get two slashes or none. The spec replaces whole segments.",
    ),
    (
        "import::any-origin",
        "Every origin may read answers together with cookies, which browsers refuse. The spec allows any origin, without credentials.",
    ),
    (
        "import::annotation",
        "An annotation has no effect: it is spelt wrong, or another controller's. No controller says so.",
    ),
    (
        "import::bare-number",
        "A time without a unit is milliseconds in HAProxy; seconds were probably meant. The spec says what HAProxy does.",
    ),
    (
        "import::by-source",
        "Clients are told apart by their address, so all behind one proxy share a server. The spec keeps it; a cookie does better.",
    ),
    (
        "import::constant-connection",
        "A constant `Connection` takes `upgrade` away, so no WebSocket passes. In the spec they do.",
    ),
    (
        "import::health-check",
        "A health check does nothing, or no server can pass it.",
    ),
    (
        "import::lost-guard",
        "A rule refuses requests in a way that no spec has a word for. In the spec they pass: guard the route before it is served.",
    ),
    (
        "import::server-close",
        "A connection to a server is opened for each request, which does nothing for WebSockets. The spec keeps it.",
    ),
    (
        "import::slow-head",
        "A client may send the head of a request as slowly as it likes, and hold a connection with it.",
    ),
    (
        "import::snippet",
        "A snippet is NGINX's own configuration in an annotation. It is not in the spec: what it is for has to be written there.",
    ),
    (
        "import::template",
        "The file is a template of Helm: `helm template` makes the objects that can be imported.",
    ),
    (
        "import::trust-everyone",
        "Every client may choose its own address by a header. In a spec only `trusted_proxies` may.",
    ),
    (
        "import::unused-table",
        "A stick table is declared and nothing sticks by it, so it holds nothing.",
    ),
    (
        "import::unverified-tls",
        "Nobody verifies the certificates of the servers, so TLS to them protects from nobody. The spec keeps it.",
    ),
    (
        "import::variable-upstream",
        "A variable chooses the server: whoever can set it chooses where requests go. There is no such route in a spec.",
    ),
    (
        "spec::accept",
        "An entry of `accept` names a target and a feature as the loss report does, such as `nginx::timeout.idle`.",
    ),
    (
        "spec::accept-unused",
        "An accepted loss is not lost any more: the entry can go. Otherwise it would silence the next loss of that name.",
    ),
    (
        "spec::choice",
        "Keys stand beside each other of which a mapping takes one.",
    ),
    (
        "spec::conflict",
        "Two settings contradict each other; the message names both.",
    ),
    (
        "spec::duplicate-name",
        "Two routes have one name. Names are how reports, logs and `-f` files find a route.",
    ),
    (
        "spec::file",
        "A file that the spec includes when it is compiled, such as `respond: {file: …}`, cannot be read. Its path is relative to the spec.",
    ),
    (
        "spec::header",
        "A header belongs to the connection, or is set by the proxy itself, and cannot be changed.",
    ),
    (
        "spec::host",
        "A host is a name without scheme, port and path: `example.com`, `*.example.com` or `{regex: …}`.",
    ),
    (
        "spec::host-bits",
        "A client range has bits set beyond its length, such as 10.0.0.7/8; the range itself is meant.",
    ),
    (
        "spec::key",
        "A key is not written as the keys of this mapping are.",
    ),
    (
        "spec::missing",
        "Something is missing that this place needs.",
    ),
    (
        "spec::missing-key",
        "A mapping lacks a key that it must have.",
    ),
    (
        "spec::missing-value",
        "A key has no value. Leave the key out for its default.",
    ),
    (
        "spec::more",
        "There are more faults of the same kind than are worth printing.",
    ),
    (
        "spec::name",
        "A name starts with a letter and has letters, digits, `-` and `_`: it becomes part of many programs' configurations.",
    ),
    (
        "spec::origin",
        "An origin is scheme, host and port, such as `https://example.com`, and is compared as a whole.",
    ),
    (
        "spec::parameter",
        "A parameter `${NAME}` has no value, or is not written as one. Values come from `--set`, `--env-file` and the environment, in this order.",
    ),
    (
        "spec::path",
        "A path starts with `/`, and is written as requests are matched: resolved and decoded.",
    ),
    ("spec::range", "A value lies outside what the field takes."),
    (
        "spec::regex",
        "A regex is not RE2 syntax: no look-around, no back references, so that every program can run it.",
    ),
    (
        "spec::set",
        "`targets.<target>.set` takes paths of values of the core, such as `routes.socket.websocket.idle`.",
    ),
    (
        "spec::template",
        "A template holds text and facts in braces, such as `{scheme}://{host}{uri}`.",
    ),
    (
        "spec::test",
        "A test's request is method and URL, such as `GET https://example.com/` or `WS wss://example.com/ws`.",
    ),
    (
        "spec::token",
        "A header name, method, cookie name or the like has characters that HTTP does not allow there.",
    ),
    ("spec::twice", "A list has an item twice."),
    (
        "spec::type",
        "A value is of another kind than the field takes: text for a mapping, a list for a number.",
    ),
    (
        "spec::unknown-key",
        "A key is not part of the language here. Nothing is ignored silently.",
    ),
    (
        "spec::unknown-name",
        "A name stands for a listener, certificate, upstream or the like that the spec does not have.",
    ),
    (
        "spec::value",
        "A value is not written as the field takes it: a duration has a unit, a size too.",
    ),
    ("spec::version", "The language has one version: `wsgen: 1`."),
    (
        "test::failed",
        "A request under `tests:` is not answered as the spec expects.",
    ),
    (
        "alb::rules",
        "A load balancer takes 100 rules, default actions not counted; a route needs one for each set of five values, and one for each guard. A quota that AWS raised is written as `targets.alb.rules`.",
    ),
    (
        "alb::conditions",
        "A rule compares five values in all: host, path, method, client, headers and query parameters.",
    ),
    (
        "alb::capacity",
        "A web ACL has 1500 capacity units in its price and 5000 at most; each comparison of a limited route costs two or three.",
    ),
    (
        "alb::resources",
        "CloudFormation takes 500 resources in a template; each rule, listener, target group and further certificate is one.",
    ),
    (
        "alb::parameters",
        "CloudFormation takes 200 parameters in a template; each server name and each certificate is one.",
    ),
    (
        "alb::listeners",
        "A load balancer has 50 listeners at most.",
    ),
    (
        "alb::groups",
        "A load balancer has 100 target groups at most: one for each upstream, and for each weight of its servers.",
    ),
    ("alb::targets", "A load balancer has 1000 targets at most."),
    (
        "alb::subnets",
        "A load balancer stands in two subnets or more, each in a zone of its own.",
    ),
    (
        "alb::id",
        "An id of EC2 has 8 or 17 hexadecimal digits behind its kind: `vpc-0a1b2c3d`. One such as `vpc-1` is taken, with a warning, for a parameter of the stack can take its place.",
    ),
    (
        "alb::arn",
        "What the room names is an ARN of the right service. One that lacks its account or its resource is taken, with a warning.",
    ),
    (
        "alb::bucket",
        "A bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`.",
    ),
    (
        "worker::name",
        "A Worker's name has 1 to 63 lower-case letters, digits and `-`, which stands neither first nor last.",
    ),
    (
        "worker::date",
        "A compatibility date is a day that the runtime knows, and not before 2024-09-02: until then ports of servers were ignored.",
    ),
    (
        "worker::zone",
        "A zone is a domain that Cloudflare has; a route's host lies in it.",
    ),
    (
        "worker::routes",
        "A zone has 1000 routes of Workers at most.",
    ),
    (
        "worker::url",
        "A URL in place of servers is `https://` or `http://`, a host and perhaps a port and a path.",
    ),
    (
        "emit::template",
        "A template does not fit its plan: a fault of wsgen, not of the spec.",
    ),
];

/// What a target says beside its losses: the code's second half and its meaning.
pub const OF_TARGETS: &[(&str, &str)] = &[
    (
        "defaults",
        "Defaults of the language that the target cannot keep, folded into one note.",
    ),
    (
        "version",
        "The version in the target's room is older than those whose behaviour is known, or newer: then it gets what the newest known one gets.",
    ),
    (
        "unwritable",
        "A value holds characters that the target's configuration language cannot write.",
    ),
];

/// What a code means.
pub fn meaning(code: &str) -> Option<&'static str> {
    CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, meaning)| *meaning)
}
