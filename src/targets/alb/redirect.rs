//! Redirects in the load balancer's words.

use super::facts::VALUE;
use crate::ir::{Listener, Redirect, RedirectScheme, RedirectTo};

/// A redirect in the load balancer's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) protocol: Option<&'static str>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) path: Option<String>,
    /// `None` keeps the query of the request.
    pub(super) query: Option<String>,
}

impl Target {
    /// The port of the URL for requests on a listener; `None` keeps the listener's own.
    pub(super) fn port_on(&self, listener: &Listener) -> Option<u16> {
        let own = if listener.tls.is_some() {
            "HTTPS"
        } else {
            "HTTP"
        };
        let protocol = self.protocol.unwrap_or(own);
        let moves = self.host.is_some() || protocol != own;
        self.port.or(match moves {
            true => Some(if protocol == "HTTPS" { 443 } else { 80 }),
            false if listener.public_port.value != listener.port.value => {
                Some(listener.public_port.value)
            }
            false => None,
        })
    }
}

/// Where a redirect leads; `Err` says why the load balancer cannot send clients there.
pub(super) fn redirect(redirect: &Redirect) -> Result<Target, &'static str> {
    let target = match &redirect.to {
        RedirectTo::Parts { scheme, host, path } => {
            let (host, port) = match host {
                Some(authority) => split_port(authority),
                None => (None, None),
            };
            let scheme = scheme.as_ref().map(|it| match it {
                RedirectScheme::Http => "HTTP",
                RedirectScheme::Https => "HTTPS",
            });
            Target {
                protocol: scheme,
                port,
                host,
                path: path.clone(),
                query: None,
            }
        }
        RedirectTo::Url(url) => {
            if url.contains('#') {
                return Err("a `Location` cannot have a fragment");
            }
            let (protocol, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://"))
            {
                (Some(rest), _) => (Some("HTTPS"), rest),
                (None, Some(rest)) => (Some("HTTP"), rest),
                (None, None) if url.starts_with('/') && !url.starts_with("//") => {
                    (None, url.as_str())
                }
                (None, None) => {
                    return Err("a redirect leads to `http://…`, `https://…` or a path");
                }
            };
            let (authority, rest) = match (protocol, rest.find(['/', '?'])) {
                (None, _) => ("", rest),
                (Some(_), Some(at)) => rest.split_at(at),
                (Some(_), None) => (rest, ""),
            };
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let (host, port) = split_port(authority);
            Target {
                protocol,
                port,
                host: host.filter(|host| !host.is_empty()),
                path: Some(if path.is_empty() { "/" } else { path }.to_owned()),
                query: Some(query.to_owned()),
            }
        }
    };
    let parts = [&target.host, &target.path, &target.query];
    for part in parts.into_iter().flatten() {
        if part.len() > VALUE {
            return Err("host, path and query of a redirect have at most 128 characters each");
        }
        if part.contains("#{") {
            return Err("`#{` starts a keyword of the load balancer");
        }
    }
    Ok(target)
}

fn split_port(authority: &str) -> (Option<String>, Option<u16>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) => (Some(host.to_owned()), Some(port)),
            Err(_) => (Some(authority.to_owned()), None),
        },
        _ => (Some(authority.to_owned()), None),
    }
}

/// Whether a redirect would ask for what the load balancer refuses: from HTTPS back to HTTP.
pub(super) fn is_downgrade(listener: &Listener, target: &Target) -> bool {
    listener.tls.is_some() && target.protocol == Some("HTTP")
}

/// The status that a redirect gets: the load balancer knows 301 and 302.
pub(super) const fn redirect_status(status: u16) -> &'static str {
    match status {
        301 | 308 => "HTTP_301",
        _ => "HTTP_302",
    }
}
