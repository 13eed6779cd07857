//! What a line of the access log has to say of a request, in either format.

use serde_json::Value;

use crate::ir::LogField;
use crate::verify::ask::Ask;
use crate::verify::lab::Lab;

/// `client - user [time] "request" status bytes "referrer" "agent"`.
pub(super) fn is_common(line: &str, ask: &Ask, status: u16) -> bool {
    let quoted: Vec<&str> = line.split('"').collect();
    let [before, request, numbers, referrer, _, agent, ..] = quoted.as_slice() else {
        return false;
    };
    let mut words = numbers.split_whitespace();
    before.contains(" - ")
        && before.contains('[')
        && before.trim_end().ends_with(']')
        && request.starts_with(&format!("{} {}", ask.request.method, ask.request.path))
        && request.contains(" HTTP/1.1")
        && words.next() == Some(status.to_string().as_str())
        && words
            .next()
            .is_some_and(|bytes| bytes.parse::<u64>().is_ok())
        && ask
            .request
            .header("referer")
            .is_some_and(|it| it == *referrer)
        // What would end the quotes stands there in other signs.
        && quoted.len() == 7
        && agent.starts_with(&format!("wsgen-{}/", ask.mark))
}

/// A field's name in a line.
pub(super) fn name(field: &LogField) -> String {
    let value = serde_json::to_value(field).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

/// What a line has to say of a request.
pub(super) struct Facts {
    texts: Vec<(LogField, String)>,
    status: u16,
}

impl Facts {
    pub(super) fn of(lab: &Lab, ask: &Ask, status: u16) -> Self {
        let request = &ask.request;
        let outcome = lab.asker().outcome(ask);
        let route = outcome.and_then(|it| it.entry).map(|it| it.route);
        let arrivals = lab.arrivals(ask);
        let mut texts = vec![
            (LogField::Method, request.method.clone()),
            (
                LogField::Scheme,
                if request.tls { "https" } else { "http" }.to_owned(),
            ),
            (LogField::Host, request.host.clone()),
            (LogField::Path, request.path.clone()),
            (LogField::Query, request.query.clone().unwrap_or_default()),
            (LogField::Protocol, "HTTP/1.1".to_owned()),
            (
                LogField::UserAgent,
                request.header("user-agent").unwrap_or_default(),
            ),
            (
                LogField::Referer,
                request.header("referer").unwrap_or_default(),
            ),
        ];
        if let Some(client) = ask.client() {
            texts.push((LogField::ClientIp, client.to_string()));
        }
        if let Some(route) = route {
            texts.push((LogField::Route, lab.gateway.route(route).name.clone()));
        }
        if let Some((upstream, server, _)) = arrivals.first() {
            let at = lab.places.servers[upstream.index()][*server];
            let name = &lab.gateway.upstream(*upstream).name;
            texts.push((LogField::Upstream, name.clone()));
            texts.push((LogField::Server, at.to_string()));
        }
        if let Some(log) = &lab.gateway.log {
            let redacted = |name: &str| log.redact_headers.value.iter().any(|it| it == name);
            texts.retain(|(field, _)| match field {
                LogField::UserAgent => !redacted("user-agent"),
                LogField::Referer => !redacted("referer"),
                _ => true,
            });
        }
        Self { texts, status }
    }

    fn text(&self, field: LogField) -> Option<&str> {
        let found = self.texts.iter().find(|(known, _)| *known == field);
        found.map(|(_, text)| text.as_str())
    }

    pub(super) fn fits(&self, field: LogField, value: &Value) -> bool {
        match field {
            LogField::Status => value.as_u64() == Some(self.status.into()),
            LogField::Duration => value.as_f64().is_some_and(|it| (0.0..10.0).contains(&it)),
            LogField::BytesIn | LogField::BytesOut => value.as_u64().is_some_and(|it| it > 0),
            LogField::Time => value.as_str().is_some_and(is_moment),
            LogField::RequestId => value.as_str().is_some_and(|it| it.len() >= 16),
            // What there is none of may be said by JSON's word for that.
            LogField::Server | LogField::Upstream if value.is_null() => {
                self.text(field).is_none_or(str::is_empty)
            }
            _ => match (self.text(field), value.as_str()) {
                (Some(wanted), Some(text)) => wanted == text,
                // What is not known beforehand still is a text.
                (None, text) => text.is_some(),
                (Some(_), None) => false,
            },
        }
    }

    pub(super) fn says(&self, field: LogField) -> String {
        let wanted = match field {
            LogField::Status => self.status.to_string(),
            LogField::Duration => "a number of seconds".to_owned(),
            LogField::BytesIn | LogField::BytesOut => "a number of bytes".to_owned(),
            LogField::Time => "the time by RFC 3339".to_owned(),
            LogField::RequestId => "an id".to_owned(),
            _ => format!("\"{}\"", self.text(field).unwrap_or_default()),
        };
        format!("{}: {wanted}", name(&field))
    }
}

/// Whether a text is a moment by RFC 3339.
fn is_moment(text: &str) -> bool {
    const SHAPE: &str = r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})";
    crate::ir::regex::matcher(SHAPE).is_some_and(|shape| shape.is_match(text.as_bytes()))
}
