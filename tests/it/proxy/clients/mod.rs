//! Real clients and servers over both protocols: what HTTP and WebSocket allow passes as it is.

mod http1;
mod http2;
mod library;
mod rules;
mod tls;
mod websocket;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use h2::RecvStream;
use h2::server::SendResponse;
use hyper::body::Bytes;

use super::serving::{Led, Serving};

type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that speaks HTTP/2 and nothing else, and takes so many requests at once on a connection.
fn server_of_http2<F>(at_once: u32, answer: F) -> Led
where
    F: Fn(http::Request<RecvStream>, SendResponse<Bytes>) -> Answering + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    Led::by(move |stream| {
        let answer = Arc::clone(&answer);
        run(async move {
            stream.set_nonblocking(true).expect("a socket");
            let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
            let mut builder = h2::server::Builder::new();
            builder.max_concurrent_streams(at_once);
            let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
                return;
            };
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::spawn(answer(request, respond));
            }
        });
    })
}

/// Runs it on this thread.
pub(super) fn run<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

/// A client of HTTP/2 with prior knowledge.
pub(super) async fn client_of_http2(serving: &Serving) -> h2::client::SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(serving.address).await;
    let (client, connection) = h2::client::handshake(stream.expect("it listens"))
        .await
        .expect("it speaks HTTP/2");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let ready = tokio::time::timeout(Duration::from_secs(5), client.ready()).await;
    ready.expect("in time").expect("it takes requests")
}

/// All of a body, and its trailers.
async fn whole(mut body: RecvStream) -> Result<(Vec<u8>, Option<http::HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes, body.trailers().await?))
}
