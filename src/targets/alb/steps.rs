//! What a route asks, guard by guard, as a list of steps: the first whose conditions a request meets says what becomes of it.

use super::facts;
use super::order::Group;
use crate::ir::{
    AuthId, ClientRange, Feature, Gateway, HostMatch, Listener, Route, Subject, Value, ValueMatch,
    WebSocket,
};
use crate::ir::{Change, HeaderOp, Piece};
use crate::targets::Verdicts;

/// A value of a condition: with `*` and `?`, or a regex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `*` is any number of characters, `?` is one.
    Glob(String),
    /// A regex; it brings its own anchors.
    Regex(String),
}

impl Pattern {
    /// The text.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Glob(text) | Self::Regex(text) => text,
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The route's action.
    Act,
    /// An answer with this status and nothing else.
    Refuse(u16),
}

/// What a step is for: part of its rules' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// What the route is there for.
    Route,
    /// A guard is lost: nobody passes.
    Closed,
    /// Clients that may not come.
    Denied,
    /// Clients that are not among those that may come.
    Others,
    /// Methods that are not allowed.
    Methods,
    /// Sockets from an origin that is allowed.
    Origins,
    /// Sockets from other origins.
    Foreign,
    /// Sockets without an origin.
    Sockets,
    /// Plain requests where only sockets may come.
    Plain,
}

impl Role {
    /// The word in the names of rules.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Route => "",
            Self::Closed => "Closed",
            Self::Denied => "Denied",
            Self::Others => "Others",
            Self::Methods => "Methods",
            Self::Origins => "Origins",
            Self::Foreign => "Foreign",
            Self::Sockets => "Sockets",
            Self::Plain => "Plain",
        }
    }
}

impl Role {
    /// The place among the rules of a route, which all look at the same hosts and paths.
    pub(super) const fn rank(self) -> usize {
        match self {
            Self::Denied => 0,
            Self::Origins => 1,
            Self::Foreign => 2,
            Self::Sockets => 3,
            Self::Route | Self::Plain | Self::Closed => 4,
            Self::Methods => 5,
            Self::Others => 6,
        }
    }
}

/// Conditions beside host and path, and what becomes of the request. Each list is alternatives; `None` asks for nothing.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What it is for.
    pub(super) role: Role,
    /// What becomes of the request.
    pub(super) then: Then,
    /// The methods.
    pub(super) methods: Option<Vec<String>>,
    /// The clients.
    pub(super) clients: Option<Vec<ClientRange>>,
    /// Headers, each with its alternatives.
    pub(super) headers: Vec<(String, Vec<Pattern>)>,
    /// Query parameters and their values, as patterns.
    pub(super) query: Vec<(String, String)>,
}

impl Step {
    fn with(&self, role: Role, then: Then) -> Self {
        Self {
            role,
            then,
            ..self.clone()
        }
    }

    fn header(mut self, name: &str, values: Vec<Pattern>) -> Self {
        if self.headers.iter().all(|(known, _)| known != name) {
            self.headers.push((name.to_owned(), values));
        }
        self
    }

    fn upgrade(self) -> Self {
        self.header(UPGRADE, vec![Pattern::Glob("websocket".to_owned())])
    }
}

const UPGRADE: &str = "Upgrade";
const ORIGIN: &str = "Origin";

/// The steps of a group, in order. Whatever meets host, path and `when` meets one of them.
pub(super) fn steps(
    g: &Gateway,
    v: &Verdicts<'_>,
    listener: &Listener,
    group: &Group<'_>,
) -> Vec<Step> {
    let route = group.route;
    let own = own_origins(listener, group);
    let base = base(v, route);
    if is_closed(g, v, route) {
        return vec![base.with(Role::Closed, Then::Refuse(503))];
    }
    let mut list = Vec::new();
    let mut inner = base.clone();
    if let Some(clients) = &route.clients {
        let among = |ranges: &[ClientRange]| match &base.clients {
            Some(only) => facts::common(only, ranges),
            None => ranges.to_vec(),
        };
        let denied = among(&clients.deny.value);
        if !denied.is_empty() {
            let mut step = base.with(Role::Denied, Then::Refuse(403));
            step.clients = Some(denied);
            list.push(step);
        }
        if let Some(allow) = &clients.allow {
            inner.clients = Some(among(&allow.value));
        }
    }
    if inner.clients.as_ref().is_none_or(|some| !some.is_empty()) {
        method_steps(route, &own, &inner, &mut list);
    }
    if route.clients.as_ref().is_some_and(|it| it.allow.is_some()) {
        list.push(base.with(Role::Others, Then::Refuse(403)));
    }
    list
}

/// What `when` asks for.
fn base(v: &Verdicts<'_>, route: &Route) -> Step {
    let when = &route.when;
    let mut step = Step {
        role: Role::Route,
        then: Then::Act,
        methods: when.methods.as_ref().map(|it| it.value.clone()),
        clients: when.clients.as_ref().map(|it| it.value.clone()),
        headers: Vec::new(),
        query: Vec::new(),
    };
    // Lost, it is a guard: the route is closed, and closed to everybody.
    if !v.renders_all(Feature::WhenClients, Subject::Route(route)) {
        step.clients = None;
    }
    for condition in &when.headers {
        let pattern = match &condition.value.value {
            ValueMatch::Exact(text) if text.contains(['*', '?', '\\']) => {
                Pattern::Regex(facts::whole(&facts::literal(text)))
            }
            ValueMatch::Exact(text) => Pattern::Glob(text.clone()),
            ValueMatch::Regex(regex) => Pattern::Regex(facts::whole(regex)),
            // That one is absent no condition says; `when.headers` has told so.
            ValueMatch::Present(_) => Pattern::Glob("*".to_owned()),
        };
        step.headers
            .push((condition.value.name.clone(), vec![pattern]));
    }
    for condition in &when.query {
        let value = match &condition.value.value {
            ValueMatch::Exact(text) => escaped(text),
            ValueMatch::Regex(_) | ValueMatch::Present(_) => "*".to_owned(),
        };
        step.query.push((condition.value.name.clone(), value));
    }
    if when.upgrade.as_ref().is_some_and(|it| it.value) {
        step = step.upgrade();
    }
    step
}

/// A literal in a query condition: the load balancer reads `*`, `?` and the backslash otherwise.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn method_steps(route: &Route, own: &[String], inner: &Step, list: &mut Vec<Step>) {
    let Some(methods) = &route.methods else {
        return socket_steps(route, own, inner, list);
    };
    let mut served = inner.clone();
    let both: Vec<String> = match &inner.methods {
        Some(only) => only
            .iter()
            .filter(|it| methods.value.contains(it))
            .cloned()
            .collect(),
        None => methods.value.clone(),
    };
    let all_served = inner
        .methods
        .as_ref()
        .is_some_and(|only| only.len() == both.len());
    if !both.is_empty() {
        served.methods = Some(both);
        socket_steps(route, own, &served, list);
    }
    if !all_served {
        list.push(inner.with(Role::Methods, Then::Refuse(405)));
    }
}

fn socket_steps(route: &Route, own: &[String], served: &Step, list: &mut Vec<Step>) {
    let Some(websocket) = route.websocket.as_deref() else {
        return list.push(served.clone());
    };
    let required = websocket.require_origin.value;
    if websocket.origins.is_some() || required {
        let allowed = match &websocket.origins {
            Some(_) => origins(websocket, own),
            None => vec![Pattern::Glob("*".to_owned())],
        };
        if !allowed.is_empty() {
            let step = served.with(Role::Origins, Then::Act).upgrade();
            list.push(step.header(ORIGIN, allowed));
        }
        let foreign = served.with(Role::Foreign, Then::Refuse(403)).upgrade();
        list.push(match required {
            true => foreign,
            false => foreign.header(ORIGIN, vec![Pattern::Glob("*".to_owned())]),
        });
    }
    let only_sockets = route.when.upgrade.as_ref().is_some_and(|it| it.value);
    if websocket.only.value && !only_sockets {
        if !required {
            list.push(served.with(Role::Sockets, Then::Act).upgrade());
        }
        list.push(served.with(Role::Plain, Then::Refuse(426)));
    } else if !(only_sockets && required) {
        list.push(served.clone());
    }
}

/// The origins that may open sockets, those of the group's own hosts among them where they may.
fn origins(websocket: &WebSocket, own: &[String]) -> Vec<Pattern> {
    let Some(origins) = &websocket.origins else {
        return Vec::new();
    };
    let same = own.iter().filter(|_| origins.value.same_host);
    let mut list: Vec<Pattern> = Vec::new();
    for origin in origins.value.exact.iter().chain(same) {
        let pattern = Pattern::Glob(origin.clone());
        if !list.contains(&pattern) {
            list.push(pattern);
        }
    }
    list
}

/// The origins whose host is one of the group's, as browsers write them: the port only where it is not the scheme's.
fn own_origins(listener: &Listener, group: &Group<'_>) -> Vec<String> {
    let port = match listener.has_scheme_port() {
        true => String::new(),
        false => format!(":{}", listener.public_port.value),
    };
    let mut list = Vec::new();
    for host in &group.hosts {
        if let HostMatch::Exact(host) = &host.value {
            list.extend(["https", "http"].map(|scheme| format!("{scheme}://{host}{port}")));
        }
    }
    list
}

/// Whether a guard of the route, its way to know a client, or its upstreams is lost.
pub(super) fn is_closed(g: &Gateway, v: &Verdicts<'_>, route: &Route) -> bool {
    let auth: Option<AuthId> = route.auth.as_ref().map(|it| it.value);
    !v.renders_guards(Subject::Route(route))
        || auth.is_some_and(|id| !v.renders_guards(Subject::Auth(g.auth(id))))
        || route
            .shares()
            .iter()
            .any(|share| !v.renders_guards(Subject::Upstream(g.upstream(share.upstream.value))))
}

/// The text that a change sets a header to, if it is one of the headers that a listener can set on every answer.
pub(super) fn fixed_header(op: &HeaderOp) -> Option<(&'static str, &str)> {
    let key = match op.name.to_ascii_lowercase().as_str() {
        "x-frame-options" => "routing.http.response.x_frame_options.header_value",
        "x-content-type-options" => "routing.http.response.x_content_type_options.header_value",
        "content-security-policy" => "routing.http.response.content_security_policy.header_value",
        _ => return None,
    };
    let (Change::Set(Value(pieces)) | Change::SetIfAbsent(Value(pieces))) = &op.change else {
        return None;
    };
    let [Piece::Text(text)] = pieces.as_slice() else {
        return None;
    };
    let known = match key {
        "routing.http.response.x_frame_options.header_value" => {
            ["DENY", "SAMEORIGIN"].contains(&text.as_str())
        }
        "routing.http.response.x_content_type_options.header_value" => text == "nosniff",
        _ => text.len() <= 1024 && facts::is_visible(text),
    };
    known.then_some((key, text.as_str()))
}
