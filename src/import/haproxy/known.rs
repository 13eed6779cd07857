//! The words of haproxy.cfg, for what is left after the reading: known without a word in the language, or perhaps a typo.

/// Directives of `global`.
pub(super) const GLOBAL: &str = "51degrees-data-file anonkey ca-base chroot cluster-secret close-spread-time cpu-map crt-base daemon \
    default-path description deviceatlas-json-file expose-experimental-directives external-check fd-hard-limit gid \
    group grace h1-accept-payload-with-any-method h1-case-adjust h1-case-adjust-file \
    h2-workaround-bogus-websocket-clients hard-stop-after httpclient.ssl.verify insecure-fork-wanted \
    issuers-chain-path localpeer log log-send-hostname log-tag lua-load lua-load-per-thread lua-prepend-path \
    master-worker maxcompcpuusage maxcomprate maxconn maxconnrate maxpipes maxsessrate maxsslconn maxsslrate \
    mworker-max-reloads nbthread node pidfile presetenv profiling.tasks resetenv server-state-base \
    server-state-file set-var set-var-fmt setenv ssl-default-bind-ciphers ssl-default-bind-options ssl-engine \
    stats user";

/// Options of a `bind` line.
pub(super) const BIND: &str = "accept-netscaler-cip accept-proxy alpn backlog ca-file ciphers ciphersuites crl-file crt crt-list curves \
    defer-accept ecdhe group interface level maxconn mode mss name no-tls-tickets prefer-client-ciphers proto ssl \
    ssl-max-ver ssl-min-ver strict-sni user v4v6 verify";

/// Actions of rules.
pub(super) const ACTIONS: &str = "add-acl add-header allow auth cache-store cache-use capture del-header deny disable-l7-retry do-resolve \
    normalize-uri redirect reject replace-header replace-path replace-uri replace-value return set-header \
    set-log-level set-method set-path set-query set-src set-status set-timeout set-uri set-var silent-drop tarpit \
    track-sc0 use-service wait-for-body";

/// Directives of proxies.
pub(super) const PROXY: &str = "acl backlog balance bind capture clitcpka-cnt clitcpka-idle clitcpka-intvl cookie declare default-server \
    default_backend description disabled dispatch dynamic-cookie-key email-alert enabled errorfile errorfiles \
    errorloc errorloc302 errorloc303 filter force-persist fullconn hash-balance-factor hash-type \
    http-after-response http-check http-error http-request http-response http-reuse id ignore-persist \
    load-server-state-from-file log log-format log-format-sd log-tag max-keep-alive-queue maxconn mode monitor \
    monitor-uri option persist rate-limit redirect retries retry-on server server-template server-state-file-name \
    source srvtcpka-cnt srvtcpka-idle srvtcpka-intvl stats stick stick-table tcp-check tcp-request tcp-response \
    timeout transparent unique-id-format use_backend";

/// Options, without the word `option`.
const OPTIONS: &str = "abortonclose accept-invalid-http-request accept-invalid-http-response accept-unsafe-violations-in-http-request \
    allbackups checkcache clitcpka contstats disable-h2-upgrade dontlog-normal dontlognull external-check \
    forwarded forwardfor h1-case-adjust-bogus-client h1-case-adjust-bogus-server http-buffer-request \
    http-drop-request-trailers http-ignore-probes http-keep-alive http-no-delay http-pretend-keepalive \
    http-restrict-req-hdr-names http-server-close http-use-proxy-header httpchk httpclose httplog httpslog \
    idle-close-on-response independent-streams ldap-check log-health-checks log-separate-errors logasap \
    mysql-check nolinger originalto persist pgsql-check prefer-last-server redispatch redis-check smtpchk \
    socket-stats splice-auto splice-request splice-response spop-check srvtcpka ssl-hello-chk tcp-check \
    tcp-smart-accept tcp-smart-connect tcpka tcplog";

/// What follows `timeout`.
const TIMEOUTS: &str = "check client client-fin connect http-keep-alive http-request queue server server-fin tarpit tunnel";

/// Whether a word is one of a list.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|it| it == word)
}

/// The word of a list that another may be a typo of.
pub(super) fn closest(list: &'static str, word: &str) -> Option<&'static str> {
    crate::names::closest(word, list.split_whitespace())
}

/// What is said of a directive that nothing else has spoken of.
pub(super) enum Left {
    /// Nothing has to be said in the spec, and why.
    Moot(&'static str),
    /// The spec cannot say it, and why.
    Lost(&'static str),
    /// What it may be a typo of.
    Unknown(Option<String>),
}

/// What is left to say of a directive of a proxy.
pub(super) fn left(directive: &str) -> Left {
    let name = directive.strip_prefix("option ");
    if let Some(name) = name {
        return match name {
            "httplog"
            | "httpslog"
            | "tcplog"
            | "dontlognull"
            | "logasap"
            | "log-separate-errors"
            | "log-health-checks"
            | "dontlog-normal" => Left::Moot("`log` of the spec"),
            "http-keep-alive"
            | "http-no-delay"
            | "http-ignore-probes"
            | "splice-auto"
            | "splice-request"
            | "splice-response"
            | "socket-stats"
            | "tcp-smart-accept"
            | "tcp-smart-connect"
            | "contstats"
            | "nolinger"
            | "idle-close-on-response"
            | "independent-streams"
            | "h1-case-adjust-bogus-client"
            | "h1-case-adjust-bogus-server"
            | "http-pretend-keepalive"
            | "disable-h2-upgrade"
            | "abortonclose"
            | "prefer-last-server"
            | "http-buffer-request"
            | "http-drop-request-trailers" => Left::Moot("a matter of how HAProxy moves bytes"),
            "allbackups" => Left::Moot("all servers that are `backup` take part"),
            "redispatch"
            | "clitcpka"
            | "srvtcpka"
            | "tcpka"
            | "forwardfor"
            | "httpchk"
            | "http-restrict-req-hdr-names"
            | "http-server-close"
            | "httpclose" => Left::Moot("no request comes where it is said"),
            name if has(OPTIONS, name) => Left::Lost("wsgen has no word for it"),
            name => Left::Unknown(closest(OPTIONS, name).map(|it| format!("option {it}"))),
        };
    }
    match directive {
        "mode"
        | "timeout connect"
        | "timeout client"
        | "timeout server"
        | "timeout tunnel"
        | "timeout http-request"
        | "timeout http-keep-alive"
        | "timeout check"
        | "retries"
        | "balance"
        | "default-server"
        | "maxconn"
        | "clitcpka-idle"
        | "srvtcpka-idle"
        | "hash-type"
        | "cookie"
        | "compression algo" => {
            Left::Moot("no request comes where it holds, or a line nearer says otherwise")
        }
        "timeout queue" => Left::Moot("no server has a `maxconn`: nothing waits"),
        "timeout client-fin" | "timeout server-fin" | "timeout tarpit" => {
            Left::Moot("how long a connection takes to end is the program's own")
        }
        "log" | "log-format" | "log-format-sd" | "log-tag" | "unique-id-format"
        | "unique-id-header" | "capture" => Left::Moot("`log` of the spec has its own fields"),
        "http-reuse"
        | "backlog"
        | "fullconn"
        | "max-keep-alive-queue"
        | "id"
        | "description"
        | "clitcpka-cnt"
        | "clitcpka-intvl"
        | "srvtcpka-cnt"
        | "srvtcpka-intvl" => Left::Moot("a matter of HAProxy alone"),
        "compression type" | "compression offload" | "compression direction" => {
            Left::Moot("what is compressed is the target's own list")
        }
        "acl" => Left::Moot("no rule asks it"),
        "stick-table" => Left::Moot("nothing is counted or kept by it in the spec"),
        "stats enable" | "stats uri" | "stats refresh" | "stats realm" | "stats auth"
        | "stats admin" | "stats hide-version" | "stats show-legends" | "stats show-node"
        | "stats show-desc" | "stats show-modules" | "stats scope" | "stats http-request" => {
            Left::Lost("a page of HAProxy's own: `metrics` of the spec has Prometheus' format")
        }
        "errorfile" | "errorfiles" => Left::Lost(
            "a file with a whole answer in HTTP: write its body as `error_pages: { 503: { respond: { file: … } } }`",
        ),
        "monitor-uri" | "monitor" => {
            Left::Lost("write a route that answers: `respond: { status: 200 }`")
        }
        "tcp-request connection"
        | "tcp-request content"
        | "tcp-request session"
        | "tcp-request inspect-delay"
        | "tcp-response content" => Left::Lost("a rule for bytes before there is a request"),
        directive => {
            let (first, second) = directive.split_once(' ').unwrap_or((directive, ""));
            if first == "timeout" && !has(TIMEOUTS, second) {
                Left::Unknown(closest(TIMEOUTS, second).map(|it| format!("timeout {it}")))
            } else if has(PROXY, first) || directive.starts_with('.') {
                Left::Lost("wsgen has no word for it")
            } else {
                Left::Unknown(closest(PROXY, first).map(str::to_owned))
            }
        }
    }
}
