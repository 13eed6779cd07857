//! Directives that HAProxy had once, and what is written in their place.

/// What stands in place of a directive that HAProxy has no more.
pub(super) struct Removed {
    /// The version that has it no more.
    pub since: &'static str,
    /// What is written in its place.
    pub instead: &'static str,
    /// Whether it refused requests.
    pub guards: bool,
}

/// A directive of a proxy that HAProxy has no more.
pub(super) fn removed(directive: &str) -> Option<Removed> {
    let (since, instead) = match directive {
        "reqrep" | "reqirep" => (
            "2.1",
            "`http-request replace-path`, `http-request replace-uri` or `http-request replace-header`",
        ),
        "reqadd" => (
            "2.1",
            "`http-request add-header` or `http-request set-header`",
        ),
        "reqdel" | "reqidel" => ("2.1", "`http-request del-header`"),
        "reqallow" | "reqiallow" | "reqpass" | "reqipass" => ("2.1", "`http-request allow`"),
        "reqdeny" | "reqideny" | "block" => ("2.1", "`http-request deny`"),
        "reqtarpit" | "reqitarpit" => ("2.1", "`http-request tarpit`"),
        "rspadd" => (
            "2.1",
            "`http-response add-header` or `http-response set-header`",
        ),
        "rspdel" | "rspidel" => ("2.1", "`http-response del-header`"),
        "rspdeny" | "rspideny" => ("2.1", "`http-response deny`"),
        "rsprep" | "rspirep" => ("2.1", "`http-response replace-header`"),
        "clitimeout" => ("2.1", "`timeout client`"),
        "contimeout" => ("2.1", "`timeout connect`"),
        "srvtimeout" => ("2.1", "`timeout server`"),
        "redispatch" => ("2.1", "`option redispatch`"),
        "appsession" => ("1.6", "`cookie` or `stick`"),
        "monitor-net" => ("2.2", "`http-request return status 200 if { src … }`"),
        _ => return None,
    };
    Some(Removed {
        since,
        instead,
        guards: matches!(
            directive,
            "reqdeny" | "reqideny" | "reqtarpit" | "reqitarpit" | "block"
        ),
    })
}
