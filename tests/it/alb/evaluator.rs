//! What an Application Load Balancer does with a request by a template: the rules in the order of their priorities, values with `*`
//! and `?`, regexes, transforms; written from the vendor's documentation alone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

/// A request as the load balancer sees it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) port: u16,
    pub(super) method: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) client: Option<IpAddr>,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// A fixed answer.
    Fixed(u16),
    /// A redirect: status and URL.
    Sent(u16, String),
    /// It goes to target groups with these weights, and the server sees this path and query.
    Passed(Vec<(String, u64)>, String),
}

/// What a template does with a request.
pub(super) fn done(template: &Value, asked: &Asked) -> Done {
    let resources = template["Resources"].as_object().expect("resources");
    let of_type = |kind: &'static str| {
        resources
            .iter()
            .filter(move |(_, it)| it["Type"] == format!("AWS::ElasticLoadBalancingV2::{kind}"))
            .map(|(id, it)| (id.as_str(), &it["Properties"]))
    };
    let (id, listener) = of_type("Listener")
        .find(|(_, it)| it["Port"] == asked.port)
        .unwrap_or_else(|| panic!("no listener on {}", asked.port));
    let mut rules: Vec<&Value> = of_type("ListenerRule")
        .map(|(_, rule)| rule)
        .filter(|rule| rule["ListenerArn"]["Ref"] == id)
        .collect();
    rules.sort_by_key(|rule| rule["Priority"].as_u64().expect("a priority"));
    let tls = listener["Protocol"] == "HTTPS";
    for rule in rules {
        let conditions = rule["Conditions"].as_array().expect("conditions");
        assert!(!conditions.is_empty(), "a rule without conditions");
        if conditions.iter().all(|one| meets(one, asked)) {
            return act(&rule["Actions"], &rule["Transforms"], asked, tls);
        }
    }
    act(&listener["DefaultActions"], &Value::Null, asked, tls)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no string: {value}"))
}

fn meets(condition: &Value, asked: &Asked) -> bool {
    let matches = |config: &Value, seen: &str, case: bool| {
        list(&config["Values"]).any(|value| glob(text(value), seen, case))
            || list(&config["RegexValues"]).any(|value| regex(text(value), case).is_match(seen))
    };
    match text(&condition["Field"]) {
        "host-header" => matches(&condition["HostHeaderConfig"], &asked.host, false),
        "path-pattern" => matches(&condition["PathPatternConfig"], &asked.path, true),
        "http-request-method" => list(&condition["HttpRequestMethodConfig"]["Values"])
            .any(|value| value == &Value::from(asked.method.as_str())),
        "source-ip" => list(&condition["SourceIpConfig"]["Values"]).any(|value| {
            let range: ipnet::IpNet = text(value).parse().expect("a range");
            asked.client.is_some_and(|client| range.contains(&client))
        }),
        "http-header" => {
            let config = &condition["HttpHeaderConfig"];
            let name = text(&config["HttpHeaderName"]);
            let same = |it: &&(String, String)| it.0.eq_ignore_ascii_case(name);
            asked
                .headers
                .iter()
                .filter(same)
                .any(|(_, value)| matches(config, value, false))
        }
        "query-string" => list(&condition["QueryStringConfig"]["Values"]).any(|pair| {
            let pairs = asked.query.as_deref().unwrap_or_default();
            pairs.split('&').any(|one| {
                let (key, value) = one.split_once('=').unwrap_or((one, ""));
                glob(text(&pair["Key"]), key, false) && glob(text(&pair["Value"]), value, false)
            })
        }),
        other => panic!("no such field: {other}"),
    }
}

/// `*` is any number of characters, `?` is one, a backslash makes the next character a plain one.
fn glob(pattern: &str, seen: &str, case: bool) -> bool {
    let mut out = String::from("^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '\\' => out.push_str(&regex::escape(
                &chars.next().map(String::from).unwrap_or_default(),
            )),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    regex(&out, case).is_match(seen)
}

thread_local! {
    static REGEXES: RefCell<HashMap<(String, bool), Regex>> = RefCell::default();
}

fn regex(pattern: &str, case: bool) -> Regex {
    REGEXES.with_borrow_mut(|known| {
        let made = || {
            RegexBuilder::new(pattern)
                .case_insensitive(!case)
                .build()
                .unwrap_or_else(|why| panic!("{pattern}: {why}"))
        };
        known
            .entry((pattern.to_owned(), case))
            .or_insert_with(made)
            .clone()
    })
}

fn act(actions: &Value, transforms: &Value, asked: &Asked, tls: bool) -> Done {
    let last = list(actions).last().expect("an action");
    let number = |value: &Value| text(value).parse().expect("a status");
    match text(&last["Type"]) {
        "fixed-response" => Done::Fixed(number(&last["FixedResponseConfig"]["StatusCode"])),
        "redirect" => redirect(&last["RedirectConfig"], asked, tls),
        "forward" => {
            let url = match &asked.query {
                Some(query) => format!("{}?{query}", asked.path),
                None => asked.path.clone(),
            };
            Done::Passed(groups(last), rewritten(transforms, url))
        }
        other => panic!("no such action: {other}"),
    }
}

fn groups(action: &Value) -> Vec<(String, u64)> {
    if let Some(group) = action["TargetGroupArn"]["Ref"].as_str() {
        return vec![(group.to_owned(), 1)];
    }
    list(&action["ForwardConfig"]["TargetGroups"])
        .map(|group| {
            let weight = group["Weight"].as_u64().expect("a weight");
            (text(&group["TargetGroupArn"]["Ref"]).to_owned(), weight)
        })
        .collect()
}

fn rewritten(transforms: &Value, url: String) -> String {
    let mut url = url;
    for transform in list(transforms).filter(|one| one["Type"] == "url-rewrite") {
        for rewrite in list(&transform["UrlRewriteConfig"]["Rewrites"]) {
            let replace = braced(text(&rewrite["Replace"]));
            url = regex(text(&rewrite["Regex"]), true)
                .replace(&url, replace)
                .into_owned();
        }
    }
    url
}

/// `$1x` is the first group and an `x` there, and a group of the name `1x` here.
fn braced(replace: &str) -> String {
    let mut out = String::new();
    let mut rest = replace;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&format!("{before}${{{}}}", &after[..digits]));
        rest = &after[digits..];
    }
    out + rest
}

fn redirect(config: &Value, asked: &Asked, tls: bool) -> Done {
    let own_port = asked.port.to_string();
    let query = asked.query.as_deref().unwrap_or_default();
    let filled = |part: &str| {
        part.replace("#{protocol}", if tls { "HTTPS" } else { "HTTP" })
            .replace("#{host}", &asked.host)
            .replace("#{port}", &own_port)
            .replace("#{path}", asked.path.trim_start_matches('/'))
            .replace("#{query}", query)
    };
    let part = |name: &str| filled(text(&config[name]));
    let scheme = part("Protocol").to_lowercase();
    let port = match (scheme.as_str(), part("Port").as_str()) {
        ("https", "443") | ("http", "80") => String::new(),
        (_, port) => format!(":{port}"),
    };
    let query = match part("Query").as_str() {
        "" => String::new(),
        query => format!("?{query}"),
    };
    let status = match text(&config["StatusCode"]) {
        "HTTP_301" => 301,
        "HTTP_302" => 302,
        other => panic!("no such status: {other}"),
    };
    Done::Sent(
        status,
        format!("{scheme}://{}{port}{}{query}", part("Host"), part("Path")),
    )
}

/// Whether a statement of a web ACL takes a request: what it looks at is host, path and method.
pub(super) fn counted(statement: &Value, asked: &Asked) -> bool {
    let (kind, config) = statement
        .as_object()
        .and_then(|it| it.iter().next())
        .expect("one kind");
    let all = || list(&config["Statements"]);
    let seen = || {
        let field = &config["FieldToMatch"];
        if field["UriPath"].is_object() {
            asked.path.clone()
        } else if field["Method"].is_object() {
            asked.method.clone()
        } else {
            assert_eq!(field["SingleHeader"]["Name"], "host");
            // As a client sends it, and as the transformation makes it.
            format!("{}:{}", asked.host, asked.port).to_lowercase()
        }
    };
    match kind.as_str() {
        "AndStatement" => all().all(|one| counted(one, asked)),
        "OrStatement" => all().any(|one| counted(one, asked)),
        "NotStatement" => !counted(&config["Statement"], asked),
        "ByteMatchStatement" => match text(&config["PositionalConstraint"]) {
            "EXACTLY" => seen() == text(&config["SearchString"]),
            "STARTS_WITH" => seen().starts_with(text(&config["SearchString"])),
            other => panic!("no such constraint: {other}"),
        },
        "RegexMatchStatement" => regex(text(&config["RegexString"]), true).is_match(&seen()),
        other => panic!("no such statement: {other}"),
    }
}
