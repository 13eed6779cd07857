//! A WebSocket whose messages come back as they went.

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::answer::{Out, whole};
use crate::proxy::tunnel::switch::accepting;

/// Opens a socket, if that is what the request asks for. Of several subprotocols the first is spoken.
pub(super) fn accept(request: &mut Request<Incoming>) -> Option<Response<Out>> {
    let headers = request.headers();
    let upgrade = headers.get(header::UPGRADE)?.to_str().ok()?;
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return None;
    }
    let key = accepting(headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes());
    let spoken = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|it| it.to_str().ok()?.split(',').next())
        .and_then(|it| HeaderValue::from_str(it.trim()).ok());
    let mut answer = whole("text/plain", "");
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let told = answer.headers_mut();
    told.remove(header::CONTENT_TYPE);
    told.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    told.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    told.insert(
        header::SEC_WEBSOCKET_ACCEPT,
        HeaderValue::from_str(&key).ok()?,
    );
    if let Some(spoken) = spoken {
        told.insert(header::SEC_WEBSOCKET_PROTOCOL, spoken);
    }
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        if let Ok(stream) = upgraded.await {
            let stream = TokioIo::new(stream);
            echo(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await;
        }
    });
    Some(answer)
}

/// Until either side has enough. Pings are answered below.
async fn echo<S>(mut socket: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = socket.next().await {
        let back = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => Ok(()),
        };
        if back.is_err() {
            return;
        }
    }
}
