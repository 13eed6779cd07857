//! How a line of the access log is written: straight into the worker's buffer, field by field.

use std::io::Write as _;

use http::Version;

use crate::ir::LogField;

use crate::proxy::telemetry::log::Told;
use crate::proxy::telemetry::stamp;

/// Writes a JSON object.
pub(crate) fn json(told: &Told, fields: &[LogField], line: &mut Vec<u8>) {
    let mut before = b'{';
    for field in fields {
        line.push(before);
        before = b',';
        member(told, *field, line);
    }
    if let Some(error) = &told.error {
        line.push(before);
        before = b',';
        put(line, "\"error\":", &**error);
    }
    if let Some(moment) = told.moment {
        line.push(before);
        before = b',';
        put(line, "\"tunnel\":", moment.word());
    }
    if let Some(carried) = &told.carried {
        line.push(before);
        before = b',';
        put(line, "\"closed\":", carried.end.word());
        put(line, ",\"messages_in\":", &carried.all.messages_up);
        put(line, ",\"messages_out\":", &carried.all.messages_down);
    }
    if before == b'{' {
        line.push(before);
    }
    line.extend_from_slice(b"}\n");
}

fn member(told: &Told, field: LogField, line: &mut Vec<u8>) {
    let [route, upstream, server] = told.places();
    match field {
        LogField::Time => {
            line.extend_from_slice(b"\"time\":\"");
            stamp::rfc3339(line);
            line.push(b'"');
        }
        // A vector takes every byte, here and below.
        LogField::ClientIp => {
            let _ = write!(line, "\"client_ip\":\"{}\"", told.client);
        }
        LogField::RequestId => {
            line.extend_from_slice(b"\"request_id\":\"");
            line.extend_from_slice(&told.id.text());
            line.push(b'"');
        }
        LogField::Method => put(line, "\"method\":", told.texts.method()),
        LogField::Scheme => {
            let scheme = if told.tls { "https" } else { "http" };
            put(line, "\"scheme\":", scheme);
        }
        LogField::Host => put(line, "\"host\":", told.texts.host()),
        LogField::Path => put(line, "\"path\":", told.texts.path()),
        LogField::Query => put(line, "\"query\":", told.texts.query()),
        LogField::Protocol => put(line, "\"protocol\":", protocol(told.version)),
        LogField::Status => put(line, "\"status\":", &told.status.as_u16()),
        LogField::Route => put(line, "\"route\":", route),
        LogField::Upstream => put(line, "\"upstream\":", upstream),
        LogField::Server => put(line, "\"server\":", server),
        LogField::Duration => {
            let took = told.since.elapsed();
            put(line, "\"duration\":", &took.as_secs());
            line.push(b'.');
            let micros = took.subsec_micros();
            for unit in [100_000, 10_000, 1000, 100, 10, 1] {
                line.push(b'0' + (micros / unit % 10) as u8);
            }
        }
        LogField::BytesIn => put(line, "\"bytes_in\":", &told.bytes_in),
        LogField::BytesOut => put(line, "\"bytes_out\":", &told.bytes_out),
        LogField::UserAgent => put(line, "\"user_agent\":", told.texts.agent()),
        LogField::Referer => put(line, "\"referer\":", told.texts.referer()),
    }
}

/// Writes a name with its colon, and a value.
fn put<T: serde::Serialize + ?Sized>(line: &mut Vec<u8>, name: &str, value: &T) {
    line.extend_from_slice(name.as_bytes());
    // A vector takes every byte.
    let _ = serde_json::to_writer(line, value);
}

/// Writes a line of the Common Log Format, with referrer and agent.
pub(crate) fn common(told: &Told, line: &mut Vec<u8>) {
    let _ = write!(line, "{} - - [", told.client);
    stamp::common(line);
    line.extend_from_slice(b"] \"");
    quoted(told.texts.method(), line);
    line.push(b' ');
    quoted(told.texts.path(), line);
    if told.has_query {
        line.push(b'?');
        quoted(told.texts.query(), line);
    }
    let _ = write!(
        line,
        " {}\" {} {}",
        protocol(told.version),
        told.status.as_u16(),
        told.bytes_out
    );
    for text in [told.texts.referer(), told.texts.agent()] {
        line.extend_from_slice(b" \"");
        quoted(if text.is_empty() { "-" } else { text }, line);
        line.push(b'"');
    }
    line.push(b'\n');
}

/// Writes text that cannot end the quotes around it, nor the line.
fn quoted(text: &str, line: &mut Vec<u8>) {
    for letter in text.chars() {
        match letter {
            '"' => line.extend_from_slice(b"\\x22"),
            '\\' => line.extend_from_slice(b"\\x5C"),
            letter if letter.is_control() => {
                let _ = write!(line, "\\x{:02X}", letter as u32);
            }
            letter => line.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

const fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}
