//! Every sentence of the loss report was seen to be true on a real program, or is known to be out of sight here.

use regex::Regex;
use wsgen::targets::evidence::Evidence;

use crate::bless::root;
use crate::programs::SERVERS;

/// Sentences that no case can bring about, each with its reason.
const OUT_OF_SIGHT: &[(&str, &str)] = &[
    (
        "lines are JSON all the same",
        "tests/conformance/cases/combined-log.common.yaml shows it",
    ),
    (
        "before 1.38 Envoy cannot choose a route by a client's network",
        "the suite runs Envoy 1.40 only",
    ),
    (
        "before 1.40 nothing counts it as it passes",
        "the suite runs Envoy 1.40 only",
    ),
    (
        "under load the next try may lead to the same server again",
        "chance may lead elsewhere; examples/cluster.yaml shows it",
    ),
    (
        "an upgrade to another token than `websocket` gets 403",
        "the suite runs Envoy 1.40 only",
    ),
    (
        "Envoy chooses the route before it looks behind its proxies",
        "the clients of the case stand behind no proxy",
    ),
    (
        "only `round_robin` and `least_connections` grow one",
        "a share that grows is told from chance too slowly",
    ),
    (
        "an upgrade request with a chunked body gets 411",
        "tests/it/envoy/odd.rs shows it",
    ),
    (
        "a hash of the client's address chooses the server",
        "chance may look like turns; tests/conformance/cases/combined-peers.yaml shows it",
    ),
    (
        "a client goes where its address leads",
        "chance may look like turns; tests/conformance/cases/combined-peers.yaml shows it",
    ),
    (
        "beside checks some of the idle connections close",
        "examples/health.yaml shows it",
    ),
    (
        "not always the one with the fewest",
        "examples/cluster.yaml shows it",
    ),
    (
        "a connection whose handshake the server refuses is closed, not kept",
        "examples/api-site-ws.yaml shows it",
    ),
    (
        "every server sees its own name",
        "which part a request goes to is not known beforehand",
    ),
    (
        " per minute",
        "of a rate such as 90/h a request in 30 s is told from one in 40 s too slowly",
    ),
    (
        "the longest time that HAProxy keeps",
        "24 days are over at no scaled time",
    ),
    (
        "no certificate is shown: before 3.0",
        "a lab names the files of a pair alike",
    ),
    (
        "before 3.0 the key stands in the certificate's file",
        "a lab names the files of a pair alike",
    ),
    (": Traefik refuses it since", OLDER),
    (": Traefik drops them since", OLDER),
    (": Traefik refuses them since", OLDER),
    (": Traefik takes another since", OLDER),
    (": Traefik hashes addresses since", OLDER),
    (": Traefik counts errors since", OLDER),
    (": Traefik has a limit since", OLDER),
    (": Traefik looks at statuses since", OLDER),
    (": a router may be silent since", OLDER),
    (": before 3.4 Traefik", OLDER),
    (": before 3.6 no router", OLDER),
    (": before 3.7 Traefik", OLDER),
    ("the log has no path at all", OLDER),
    (
        "no rule finds an IPv6 range",
        "a lab's proxies and clients have IPv4 addresses",
    ),
    (
        "the next try leads to the same one",
        "sticky sources and hashes are seen to get 502; 504 takes a lab of its own",
    ),
    (
        "the next try may lead to the same server, as it is chosen by chance",
        "chance may also lead to the other one",
    ),
    (
        "once errors have taken every server out",
        "examples/health.yaml shows it",
    ),
    (
        "Traefik reaches no server by a socket of a file",
        "a lab's servers have ports",
    ),
    (
        "until the checks have found every server down",
        "examples/health.yaml shows it",
    ),
    (
        "a client goes where its address leads",
        "combined-peers shows it",
    ),
    (
        "all parts of the split see the host of the first",
        "which part a request goes to is not known beforehand",
    ),
    (
        "a line goes on behind the agent",
        "combined-log.common shows it",
    ),
    (
        "get the first certificate of the first TLS listener",
        "a lab's names have certificates",
    ),
    (
        "where no route names the host, the strictest listener",
        "probes ask for names that routes have",
    ),
    (
        "heads of up to 4 KiB pass in any case",
        "so small a limit has other losses on other programs",
    ),
    (
        "two of them may be tried by turns",
        "a matter of chance: the first choice may be the only good server",
    ),
    (
        "so less than one a minute cannot be kept",
        "tests/it/worker/refused.rs shows it",
    ),
    (
        "every request goes to ",
        "a lab asks the servers, not the URL in their place",
    ),
    (
        "a server by socket sees the socket's path",
        "a lab's servers listen on ports",
    ),
];

/// Why what an older version does is not seen.
const OLDER: &str = "the suite runs the newest version of Traefik only";

/// The texts of `approx("…")`, `unsupported("…")` and the same with `format!`; what is filled in splits them. Where only
/// documentation says it, nobody can see it here.
fn sentences(source: &str) -> Vec<Vec<String>> {
    let call = r#"(?:approx|unsupported)\(\s*(?:format!\(\s*)?"((?:[^"\\]|\\[\s\S])*)""#;
    let call = Regex::new(call).expect("a regex");
    let filled = Regex::new(r"\{[^}]*\}").expect("a regex");
    let continued = Regex::new(r"\\\n\s*").expect("a regex");
    let next = Regex::new(r"\b(?:exact|approx|unsupported)\(").expect("a regex");
    let documented = |end: usize| {
        let rest = &source[end..];
        let own = next.find(rest).map_or(rest, |next| &rest[..next.start()]);
        own.contains(".seen(DOCS)")
    };
    call.captures_iter(source)
        .filter(|found| found.get(0).is_some_and(|all| !documented(all.end())))
        .map(|found| continued.replace_all(&found[1], "").replace("\\\"", "\""))
        .map(|text| {
            let parts = filled.split(&text).filter(|it| !it.is_empty());
            parts.map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn every_sentence_was_seen() {
    let mut unseen = Vec::new();
    let mut count = 0;
    // What is not run here is seen by its own tests.
    let run = |target: &str| SERVERS.iter().any(|(id, _)| *id == target);
    let record = Evidence::recorded().0.iter();
    for (target, features) in record.filter(|(target, _)| run(target)) {
        let sights = features.values().flat_map(|versions| versions.values());
        let seen: Vec<&String> = sights.flat_map(|sight| &sight.deviates).collect();
        let path = root().join(format!("src/targets/{target}/support.rs"));
        let source = std::fs::read_to_string(path).expect("a target says what it can do");
        for parts in sentences(&source) {
            count += 1;
            let text = parts.concat();
            let known = seen
                .iter()
                .any(|seen| parts.iter().all(|part| seen.contains(part.as_str())));
            let excused = OUT_OF_SIGHT.iter().any(|(part, _)| text.contains(part));
            if !known && !excused {
                unseen.push(format!("{target}: {text}"));
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(
        unseen.is_empty(),
        "no case shows these to be true: {unseen:#?}"
    );
}
