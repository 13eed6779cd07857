//! Answers compressed on their way, each piece flushed so that nothing waits for the next one.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Body as _, Frame};

use crate::proxy::request::body::{Body, Fault};

/// Below this a head costs more than compression saves.
const SMALLEST: u64 = 256;

/// Compresses an answer that gains by it, if the client takes gzip.
pub(crate) fn compress(mut answer: Response<Body>, gzip: bool) -> Response<Body> {
    if !fits(&answer) {
        return answer;
    }
    let headers = answer.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if !gzip {
        return answer;
    }
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    // A strong validator names other bytes (RFC 9110 §8.8.3.3).
    let weak = headers
        .get(header::ETAG)
        .and_then(|tag| tag.to_str().ok())
        .filter(|tag| !tag.starts_with("W/"))
        .and_then(|tag| HeaderValue::from_str(&format!("W/{tag}")).ok());
    if let Some(weak) = weak {
        headers.insert(header::ETAG, weak);
    }
    answer.map(|body| {
        Body::made(Gzip {
            from: body,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::new(5))),
        })
    })
}

/// Whether a client takes gzip (RFC 9110 §12.5.3): by its name, else by `*`, with a weight above 0.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut named, mut any) = (None, None);
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    for word in lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let mut parts = word.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts
            .filter_map(|part| part.split_once('='))
            .find_map(|(name, weight)| {
                let fits = name.trim().eq_ignore_ascii_case("q");
                fits.then(|| weight.trim().parse::<f32>().unwrap_or(0.0))
            });
        let taken = weight.is_none_or(|weight| weight > 0.0);
        if coding == "*" {
            any = Some(taken);
        } else if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            named = Some(taken);
        }
    }
    named.or(any).unwrap_or(false)
}

fn fits(answer: &Response<Body>) -> bool {
    let headers = answer.headers();
    let status = answer.status();
    let bodiless = status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
        || status == StatusCode::PARTIAL_CONTENT
        || status.is_informational()
        || answer.body().is_end_stream()
        || answer
            .body()
            .size_hint()
            .exact()
            .is_some_and(|bytes| bytes < SMALLEST);
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let text = kind.starts_with("text/") && kind != "text/event-stream"
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
            "application/wasm",
            "image/svg+xml",
        ]
        .contains(&kind.as_str());
    let forbidden = headers.get(header::CACHE_CONTROL).is_some_and(|value| {
        value
            .to_str()
            .is_ok_and(|value| value.contains("no-transform"))
    });
    text && !bodiless && !forbidden && !headers.contains_key(header::CONTENT_ENCODING)
}

struct Gzip {
    from: Body,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl http_body::Body for Gzip {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = &mut this.encoder else {
                return Poll::Ready(None);
            };
            let frame = ready!(Pin::new(&mut this.from).poll_frame(cx));
            let data = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    // Trailers have no place after a compressed body of unknown length over HTTP/1.1.
                    Err(_) => continue,
                },
                Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
                None => {
                    let rest = this.encoder.take().map(GzEncoder::finish);
                    return match rest {
                        Some(Ok(rest)) if !rest.is_empty() => {
                            Poll::Ready(Some(Ok(Frame::data(rest.into()))))
                        }
                        Some(Err(error)) => Poll::Ready(Some(Err(error.into()))),
                        _ => Poll::Ready(None),
                    };
                }
            };
            let written = encoder.write_all(&data).and_then(|()| encoder.flush());
            if let Err(error) = written {
                return Poll::Ready(Some(Err(error.into())));
            }
            let made = std::mem::take(encoder.get_mut());
            if !made.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(made.into()))));
            }
        }
    }
}
