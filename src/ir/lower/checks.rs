//! What text of a spec must look like: names, tokens, header values, paths, hosts, origins, regexes.

use std::net::IpAddr;

use super::{At, Loc, Lower};
use crate::ir::path::normalize;
use crate::ir::{ClientRange, regex};
use crate::names;
use crate::spec::model::Many;
use crate::spec::scalar::written;
use crate::spec::units::is_host_name;

impl Lower<'_> {
    /// A name of the spec: it becomes part of names in every target's language.
    pub(super) fn check_name(&mut self, kind: &str, name: &At<String>) {
        let text = &name.value;
        if !names::is_name(text) {
            let article = if kind.starts_with('u') { "an" } else { "a" };
            self.report
                .error("spec::name", name.at)
                .says(format!(
                    "`{}` is no name for {article} {kind}",
                    text.escape_debug()
                ))
                .help(
                    "start with a letter; go on with letters, digits, `-` and `_`, up to 63 in all",
                );
        }
    }

    /// A token of HTTP: header names, methods, cookie names, upgrade tokens.
    pub(super) fn check_token(&mut self, what: &str, text: &str, at: Loc) -> bool {
        let fits = !text.is_empty() && text.len() <= 256 && text.bytes().all(is_token_byte);
        if !fits {
            self.report
                .error("spec::token", at)
                .says(format!("`{}` is no {what}", text.escape_debug()))
                .help("write letters, digits and `-`; spaces, quotes and separators have no place in it");
        }
        fits
    }

    /// Text that may stand in a header's value.
    pub(super) fn check_value(&mut self, what: &str, text: &str, at: Loc) {
        if let Some(bad) = text.chars().find(|c| c.is_control() && *c != '\t') {
            self.report
                .error("spec::value", at)
                .says(format!(
                    "{what} has a control character ({})",
                    bad.escape_debug()
                ))
                .note("it would end the header and start another one")
                .help("take it out");
        } else if text.len() > 4000 {
            self.report
                .error("spec::value", at)
                .says(format!("{what} is {} bytes long", text.len()))
                .help("keep it below 4000 bytes, which every program can write and send");
        }
    }

    /// A path in a file system, or other text that must be one line.
    pub(super) fn check_line(&mut self, what: &str, text: &At<String>) {
        if text.value.is_empty() || text.value.chars().any(char::is_control) {
            self.report
                .error("spec::value", text.at)
                .says(format!("`{}` is no {what}", text.value.escape_debug()))
                .help("write one line of text");
        }
    }

    /// A regex in RE2 syntax.
    pub(super) fn check_regex(&mut self, text: &str, at: Loc) {
        if let Err(why) = regex::check(text) {
            self.report
                .error("spec::regex", at)
                .says("this is not a regex that every target reads alike")
                .note(why)
                .help("write RE2 syntax; it is matched against the whole text");
        }
    }

    /// A literal path, in the form in which requests are matched.
    pub(super) fn check_path(&mut self, text: &str, at: Loc) {
        if !text.starts_with('/') {
            let diag = self.report.error("spec::path", at);
            diag.says(format!(
                "the path `{}` does not start with `/`",
                text.escape_debug()
            ));
            if text.contains("://") {
                diag.help("write the path alone; the host goes into `host`");
            } else if text.starts_with(['^', '~', '*', '.']) {
                diag.help("a regex is written `path: {regex: '/x/.*'}`, without `^` and `$`");
            } else {
                diag.help(format!("write `/{}`", text.escape_debug()));
            }
            return;
        }
        if let Some(cut) = text.find(['?', '#']) {
            self.report
                .error("spec::path", at)
                .says("a path has no query and no fragment")
                .help(format!(
                    "write `{}`, and the query under `when: {{query: …}}`",
                    text[..cut].escape_debug()
                ));
            return;
        }
        match normalize(text) {
            Some(normal) if normal == text => {}
            Some(_) if text.contains(['{', '<']) => {
                self.report
                    .error("spec::path", at)
                    .says(format!("`{}` holds no variables", text.escape_debug()))
                    .note("a path is literal text, and requests are matched with `{`, `<` and the like encoded")
                    .help("write a variable part as a regex: `path: {regex: '/room/[^/]+'}`");
            }
            Some(normal) => {
                self.report
                    .error("spec::path", at)
                    .says(format!("no request is matched as `{}`", text.escape_debug()))
                    .note("paths are matched after dot segments are resolved, `//` merged and unreserved characters decoded")
                    .help(format!("write `{normal}`"))
                    .fix(at, written(&normal));
            }
            None => {
                self.report
                    .error("spec::path", at)
                    .says(format!("`{}` is not a path", text.escape_debug()))
                    .note("a `%` needs two hexadecimal digits behind it, and control characters have no place")
                    .help("write a `%` itself as `%25`");
            }
        }
    }

    /// A host name, or `*.` and one.
    pub(super) fn check_host(&mut self, what: &str, text: &str, at: Loc) -> bool {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let fits = is_host_name(name) || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4());
        if !fits {
            let diag = self.report.error("spec::host", at);
            diag.says(format!("`{}` is no {what}", text.escape_debug()));
            if let Some((_, rest)) = text.split_once("://") {
                let host = rest.split(['/', ':']).next().unwrap_or(rest);
                diag.help(format!(
                    "write `{}`, without scheme and path",
                    host.escape_debug()
                ));
            } else if let Some((host, port)) = name.rsplit_once(':')
                && port.bytes().all(|b| b.is_ascii_digit())
            {
                diag.help(format!(
                    "write `{}`: hosts are compared without port",
                    host.escape_debug()
                ));
            } else if text.contains('*') {
                diag.help("a `*` stands only at the start, for one or more labels: `*.example.com`; or write `{regex: …}`");
            } else if !text.is_ascii() {
                diag.help("write the host in its ASCII form (`xn--…`)");
            } else {
                diag.help("write a host name such as `example.com` or `*.example.com`");
            }
        }
        fits
    }

    /// An origin: scheme and host, perhaps a port, nothing behind it.
    pub(super) fn check_origin(&mut self, text: &str, at: Loc) {
        let fits = text.split_once("://").is_some_and(|(scheme, host)| {
            let (name, port) = host
                .rsplit_once(':')
                .map_or((host, None), |(name, port)| (name, Some(port)));
            !scheme.is_empty()
                && scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                && (is_host_name(name) || name.starts_with('[') && name.ends_with(']'))
                && port.is_none_or(|port| port.parse::<u16>().is_ok())
        });
        if !fits {
            let diag = self.report.error("spec::origin", at);
            diag.says(format!("`{}` is no origin", text.escape_debug()));
            if text.contains('*') {
                diag.note("an origin is compared as a whole")
                    .help("name each origin, or write `same_host`");
            } else {
                diag.help("write scheme and host, and the port if it is not the scheme's own: `https://example.com`, without a path");
            }
        }
    }

    /// Client ranges; host bits are told with the range that is meant.
    pub(super) fn ranges(&mut self, list: &At<Many<At<ClientRange>>>) -> Vec<ClientRange> {
        for range in &list.value.0 {
            if range.value.has_host_bits() {
                self.report
                    .warning("spec::host-bits", range.at)
                    .says("this range has bits set below its prefix length")
                    .help(format!("write `{}`", range.value))
                    .fix(range.at, written(&range.value.to_string()));
            }
        }
        super::plain(list)
    }
}

/// Whether a byte may stand in a token (RFC 9110).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
