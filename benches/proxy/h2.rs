//! Clients of HTTP/2: requests side by side on one connection, and tunnels by extended CONNECT (RFC 8441).

use std::io;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, StatusCode};
use tokio::task::spawn_local;

use crate::client::Target;

/// How many requests a connection carries: NGINX ends one after a thousand.
pub(crate) const REQUESTS: usize = 900;

/// A connection that many ask on at once.
#[derive(Clone)]
pub(crate) struct Shared(SendRequest<Bytes>);

impl Shared {
    /// Connects.
    pub(crate) async fn connect(target: &Target) -> io::Result<Self> {
        let wire = target.wire().await?;
        let (sender, connection) = h2::client::handshake(wire)
            .await
            .map_err(io::Error::other)?;
        // What ends it, its streams tell.
        spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Self(sender))
    }

    /// Sends a request and reads its answer, which has to be a 200.
    pub(crate) async fn ask(&self, path: &str) -> io::Result<()> {
        let request = Request::get(format!("https://localhost{path}")).body(());
        let (mut body, _) = self.send(request, true).await?;
        while let Some(piece) = body.data().await {
            let length = piece.map_err(io::Error::other)?.len();
            let flow = body.flow_control();
            flow.release_capacity(length).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Opens a tunnel.
    pub(crate) async fn tunnel(&self) -> io::Result<Tunnel> {
        // Its answer comes after the settings that allow a tunnel.
        self.ask("/").await?;
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://localhost/ws")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"))
            .body(());
        let (from, to) = self.send(request, false).await?;
        Ok(Tunnel { to, from })
    }

    async fn send(
        &self,
        request: http::Result<Request<()>>,
        last: bool,
    ) -> io::Result<(RecvStream, SendStream<Bytes>)> {
        let request = request.map_err(io::Error::other)?;
        let mut sender = self.0.clone().ready().await.map_err(io::Error::other)?;
        let (answer, to) = sender
            .send_request(request, last)
            .map_err(io::Error::other)?;
        let answer = answer.await.map_err(io::Error::other)?;
        if answer.status() != StatusCode::OK {
            let status = answer.status();
            return Err(io::Error::other(format!("an answer of {status}")));
        }
        Ok((answer.into_body(), to))
    }
}

/// A WebSocket that is a stream.
pub(crate) struct Tunnel {
    to: SendStream<Bytes>,
    from: RecvStream,
}

impl Tunnel {
    /// Sends a message and reads its echo, which is shorter by the mask.
    pub(crate) async fn echo(&mut self, message: &Bytes) -> io::Result<()> {
        self.to
            .send_data(message.clone(), false)
            .map_err(io::Error::other)?;
        let mut left = message.len() - 4;
        while left > 0 {
            let piece = self.from.data().await.ok_or(io::ErrorKind::UnexpectedEof)?;
            let length = piece.map_err(io::Error::other)?.len();
            let flow = self.from.flow_control();
            flow.release_capacity(length).map_err(io::Error::other)?;
            left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(())
    }
}
