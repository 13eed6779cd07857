//! A gateway from its parts as they were written out: what the text leaves out is filled in, and what would lead nowhere is refused.

use super::{
    Action, AuthKind, CertificateSource, Gateway, HostMatch, PathMatch, PathRewrite, Rooms, Route,
    ValueMatch, lower, order, regex,
};

impl Gateway {
    /// A gateway whose lists and settings were read: ids are given by place, the order of the routes is computed.
    ///
    /// # Errors
    /// A sentence: a list is empty that never is, an id leads nowhere, a regex is none.
    pub fn from_parts(parts: Self) -> Result<Self, String> {
        let mut gateway = parts;
        for (id, it) in (0..).zip(&mut gateway.listeners) {
            it.id.0 = id;
        }
        for (id, it) in (0..).zip(&mut gateway.certificates) {
            it.id.0 = id;
        }
        for (id, it) in (0..).zip(&mut gateway.upstreams) {
            it.id.0 = id;
        }
        for (id, it) in (0..).zip(&mut gateway.auth) {
            it.id.0 = id;
        }
        for (id, it) in (0..).zip(&mut gateway.routes) {
            it.id.0 = id;
        }
        gateway.check()?;
        gateway.table = order::table(&gateway.routes);
        Ok(gateway)
    }

    fn check(&self) -> Result<(), String> {
        let there = |id: u32, count: usize, what: &str| match (id as usize) < count {
            true => Ok(()),
            false => Err(format!("there is no {what} {id}")),
        };
        let listener = |id: u32| there(id, self.listeners.len(), "listener");
        for it in &self.listeners {
            if let Some(to) = &it.redirect {
                listener(to.value.0)?;
            }
            let Some(tls) = &it.tls else { continue };
            some(&tls.certificates.value, "certificate", &it.name)?;
            for id in &tls.certificates.value {
                there(id.0, self.certificates.len(), "certificate")?;
            }
        }
        for it in &self.certificates {
            if let CertificateSource::Files { cert, key } = &it.source
                && (cert.value.is_empty() || key.value.is_empty())
            {
                return Err(format!("certificate {} names no file", it.name));
            }
        }
        for it in &self.upstreams {
            some(&it.servers, "server", &it.name)?;
        }
        for it in &self.auth {
            if let AuthKind::Forward(forward) = &it.kind {
                there(forward.upstream.value.0, self.upstreams.len(), "upstream")?;
            }
        }
        for route in &self.routes {
            some(&route.hosts, "host", &route.name)?;
            some(&route.paths, "path", &route.name)?;
            if let Some(auth) = &route.auth {
                there(auth.value.0, self.auth.len(), "entry of `auth`")?;
            }
            for id in route.when.listeners.iter().flat_map(|it| &it.value) {
                listener(id.0)?;
            }
            if let Action::Forward(shares) = &route.action {
                some(shares, "upstream", &route.name)?;
                for share in shares {
                    there(share.upstream.value.0, self.upstreams.len(), "upstream")?;
                }
            }
            for text in regexes(route) {
                if regex::matcher(text).is_none() {
                    return Err(format!("`{text}` of route {} is no regex", route.name));
                }
            }
        }
        Ok(())
    }
}

impl Rooms {
    /// The rooms of a spec that names none.
    pub fn unwritten() -> Self {
        lower::rooms_unwritten()
    }
}

fn some<T>(list: &[T], what: &str, of: &str) -> Result<(), String> {
    match list {
        [] => Err(format!("{of} has no {what}")),
        _ => Ok(()),
    }
}

fn regexes(route: &Route) -> impl Iterator<Item = &str> {
    let hosts = route.hosts.iter().filter_map(|it| match &it.value {
        HostMatch::Regex(text) => Some(text),
        HostMatch::Exact(_) | HostMatch::Wildcard(_) | HostMatch::Any => None,
    });
    let paths = route.paths.iter().filter_map(|it| match &it.value {
        PathMatch::Regex(text) => Some(text),
        PathMatch::Exact(_) | PathMatch::Prefix(_) => None,
    });
    let conditions = route.when.headers.iter().chain(&route.when.query);
    let values = conditions.filter_map(|it| match &it.value.value {
        ValueMatch::Regex(text) => Some(text),
        ValueMatch::Exact(_) | ValueMatch::Present(_) => None,
    });
    let rewrite = route.rewrite.iter().filter_map(|it| it.path.as_ref());
    let rewrite = rewrite.filter_map(|it| match &it.value {
        PathRewrite::Regex { matches, .. } => Some(matches),
        PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_) | PathRewrite::Path(_) => None,
    });
    hosts
        .chain(paths)
        .chain(values)
        .chain(rewrite)
        .map(String::as_str)
}
