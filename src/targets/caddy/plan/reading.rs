//! How a server reads a request before any route is looked for: its path in one form, its host, what it asks for.

use super::value::ph;
use super::{Map, always, at, fixed, handler, key, not, set_var, subroute, var_like, when};
use crate::emit::Node;
use crate::ir::{EncodedSlash, Listener, Paths};

/// How many `..` in a row are resolved: each needs a round. What has more is refused.
const ROUNDS: usize = 10;

/// The named routes that bring a path into one form.
const SIGNS: &str = "path:signs";
const SEGMENTS: &str = "path:segments";

/// What brings a path into one form: it comes last in the file, for it is long.
pub(super) fn named(it: &Listener, mut named: Map) -> Map {
    if it.paths.value != Paths::Raw {
        named = named.entry(key(SIGNS), always(vec![rewrite(unreserved())]));
    }
    if it.paths.value == Paths::Normalize {
        named = named.entry(key(SEGMENTS), always(vec![rewrite(segments())]));
    }
    named
}

/// Patterns for a list of addresses, with or without ports, or no list; and for the addresses at the end of any list.
fn addresses() -> (String, String) {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    let four = format!(r"{octet}(?:\.{octet}){{3}}");
    let group = "[0-9A-Fa-f]{1,4}";
    // All eight groups, or `::` for some of them, which a group or the end follows.
    let six = format!(
        "(?:(?:{group}:){{7}}{group}|(?:{group}(?::{group}){{0,6}})?::(?:(?:{group}:){{0,6}}{group})?|(?:(?:{group}:){{6}}|::(?:[Ff]{{4}}:)?){four})"
    );
    let one = format!("(?:{four}(?::[0-9]+)?|{six}|\\[{six}\\]:[0-9]+)");
    let list = format!(r"[ \t]*{one}[ \t]*(?:,[ \t]*{one}[ \t]*)*");
    (format!("^(?:{list})?$"), format!("^(?:.*?,)??({list})$"))
}

/// The routes that come first.
pub(super) fn routes(it: &Listener) -> Vec<Node> {
    let mut routes = Vec::new();
    let uri = || key("{http.request.uri}");
    let refuse = || -> Node {
        handler("error")
            .put("status_code", Node::number(400))
            .into()
    };
    let trusted = &it.trusted_proxies;
    if !trusted.value.is_empty() {
        // Caddy passes over what it cannot read, and would believe the address before it, which a client may have written:
        // the one that it believes has to be among those behind.
        const HEADER: &str = "{http.request.header.X-Forwarded-For}";
        let (list, end) = addresses();
        let odd = not(var_like(key(HEADER), &list))
            .put("remote_ip", super::entry::ranges(&trusted.value));
        let behind = Map::new().put("behind", fixed("{http.regexp.behind.1}"));
        let unknown = format!(
            "!({}.split(',').exists(one, one.trim() == {}))",
            ph("http.vars.behind"),
            ph("http.vars.client_ip")
        );
        let unknown = Map::new().put("expression", super::word(&unknown));
        let judged = vec![
            always(vec![set_var("behind", fixed(""))]).into(),
            kept(HEADER, "behind", &end, behind),
            when(unknown, vec![refuse()]).into(),
        ];
        routes.push(at(when(odd, vec![subroute(judged).into()]), trusted.loc()));
    }
    if it.encoded_slash.value == EncodedSlash::Reject {
        let odd = var_like(uri(), "(?i)^[^?]*%2f");
        routes.push(at(when(odd, vec![refuse()]), it.encoded_slash.loc()));
    }
    let from = it.paths.loc();
    match it.paths.value {
        Paths::Raw => {}
        Paths::Reject => {
            let dots = var_like(uri(), r"(?i)^[^?]*/(?:/|(?:\.|%2e){1,2}(?:[/?]|$))");
            routes.push(at(when(dots, vec![refuse()]), from));
            routes.push(at(when(encoded(), vec![super::invoke(SIGNS)]), from));
        }
        Paths::Normalize => {
            routes.push(at(when(encoded(), vec![super::invoke(SIGNS)]), from));
            let odd = var_like(uri(), r"^[^?]*/[/.]");
            routes.push(at(when(odd, vec![super::invoke(SEGMENTS)]), from));
            let left = var_like(uri(), r"^[^?]*/\.{1,2}(?:[/?]|$)");
            routes.push(at(when(left, vec![refuse()]), from));
        }
    }
    // Nothing of the program's own is said unless the spec says it; a server's own name passes.
    let silent = handler("headers").put(
        "response",
        Map::new().put("delete", Node::list([fixed("Server")])),
    );
    routes.push(always(vec![silent.into()]).into());
    let asked = r"^(?i:[a-z]+://[^/?]*)?(([^?]*)(.*))$";
    routes.push(kept(
        "{http.request.orig_uri}",
        "asked",
        asked,
        Map::new()
            .put("asked", fixed("{http.regexp.asked.1}"))
            .put("asked_path", fixed("{http.regexp.asked.2}"))
            .put("asked_query", fixed("{http.regexp.asked.3}")),
    ));
    routes.push(kept(
        "{http.request.uri}",
        "uri",
        r"^([^?]*)",
        Map::new().put("path", fixed("{http.regexp.uri.1}")),
    ));
    routes.push(kept(
        "{http.request.host}",
        "name",
        r"^(.*?)\.?$",
        Map::new().put("host", fixed("{http.regexp.name.1}")),
    ));
    let upgrade = Map::new().put(
        "header_regexp",
        Map::new().put(
            "Connection",
            Map::new().put("pattern", fixed(r"(?i)(?:^|,)\s*upgrade\s*(?:,|$)")),
        ),
    );
    let token = fixed("{http.request.header.Upgrade}");
    routes.push(when(upgrade, vec![set_var("upgrade", token)]).into());
    vec![at(always(vec![subroute(routes).into()]), from)]
}

/// Variables from what a pattern finds in a placeholder.
fn kept(from: &'static str, name: &'static str, pattern: &str, vars: Map) -> Node {
    let found = Map::new()
        .put("name", fixed(name))
        .put("pattern", super::word(pattern));
    let matcher = Map::new().put("vars_regexp", Map::new().put(from, found));
    when(matcher, vec![handler("vars").and(vars).into()]).into()
}

/// A path with an encoded sign.
fn encoded() -> Map {
    var_like(key("{http.request.uri}"), "^[^?]*%")
}

fn rewrite(steps: Vec<Node>) -> Node {
    handler("rewrite")
        .put("path_regexp", Node::list(steps))
        .into()
}

fn step(find: &str, replace: &str) -> Node {
    Map::new()
        .put("find", super::word(find))
        .put("replace", super::word(replace))
        .into()
}

/// Signs that need no encoding are decoded, and the digits of others written in capitals.
fn unreserved() -> Vec<Node> {
    let signs = (b'0'..=b'9')
        .chain(b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(*b"-._~");
    let mut steps: Vec<Node> = signs
        .map(|sign| step(&format!("(?i)%{sign:02x}"), &char::from(sign).to_string()))
        .collect();
    for digit in 'a'..='f' {
        let capital = digit.to_ascii_uppercase();
        steps.push(step(
            &format!("%{digit}([0-9a-fA-F])"),
            &format!("%{capital}$\\{{1\\}}"),
        ));
        steps.push(step(
            &format!("%([0-9A-F]){digit}"),
            &format!("%$\\{{1\\}}{capital}"),
        ));
    }
    steps
}

/// `//` is one slash, and dot segments are resolved.
fn segments() -> Vec<Node> {
    let mut steps = vec![step("//+", "/"), step(r"(?:/\.)+(/|$)", "/")];
    for _ in 0..ROUNDS {
        steps.push(step(r"^(?:/\.\.)+(/|$)", "/"));
        steps.push(step(r"/(?:[^/.]|\.[^/.]|\.\.[^/])[^/]*/\.\.(?:/|$)", "/"));
    }
    steps.push(step(r"^(?:/\.\.)+(/|$)", "/"));
    steps
}
