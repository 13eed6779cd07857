//! How a listener is spoken to (contract §3): HTTP/2, HTTP/3, the PROXY protocol, and TCP's own signs of life.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::keepalive;
use super::listener::{passed_on, some};
use crate::ir::{Dur, Feature, Gateway, Listener, ListenerId};
use crate::verify::behave::{deviation, status};
use crate::verify::exchange::answer_by;
use crate::verify::lab::Lab;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    gateway.listeners.iter().flat_map(of).collect()
}

fn of(it: &Listener) -> Vec<Probe> {
    let id = it.id;
    let mut all = Vec::new();
    if it.http2.value || it.http2.is_written() {
        let promise = match it.http2.value {
            true => "clients may speak HTTP/2",
            false => "HTTP/2 is not offered",
        };
        let run = move |lab: &Lab| http2(lab, id);
        let at = it.http2.loc();
        let probe = Probe::new(Feature::ListenerHttp2, it, at, promise, run);
        // Where there are sockets only.
        all.push(probe.or(Feature::WebSocketOverHttp2));
    }
    if it.http3.value {
        all.push(Probe::new(
            Feature::ListenerHttp3,
            it,
            it.http3.loc(),
            "QUIC is answered on the port, and `Alt-Svc` says so",
            move |lab| http3(lab, id),
        ));
    }
    if it.proxy_protocol.value {
        all.push(Probe::new(
            Feature::ListenerProxyProtocol,
            it,
            it.proxy_protocol.loc(),
            "the client's address is that of the PROXY protocol, and no connection does without",
            move |lab| proxy_protocol(lab, id),
        ));
    }
    if let Some(time) = it.tcp_keepalive.value {
        all.push(Probe::new(
            Feature::ListenerTcpKeepalive,
            it,
            it.tcp_keepalive.loc(),
            format!("a silent client is asked for a sign of life after {time}"),
            move |lab| tcp_keepalive(lab, id, time),
        ));
    }
    all
}

fn http2(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    let client = lab.client_of(&ask)?;
    let it = lab.gateway.listener(listener);
    let said = |came: String, promised: &str| Err(deviation(&ask, came, promised.to_owned()));
    if it.tls.is_some() {
        let chosen = client.alpn(&["h2", "http/1.1"])?;
        let is_h2 = chosen.as_deref() == Some("h2");
        if is_h2 != it.http2.value {
            let promised = if it.http2.value {
                "h2 by ALPN"
            } else {
                "http/1.1 by ALPN"
            };
            return said(format!("{} by ALPN", chosen.unwrap_or_default()), promised);
        }
        let old = client.alpn(&["http/1.1"])?;
        if old.as_deref() != Some("http/1.1") {
            return said("no http/1.1 by ALPN".to_owned(), "http/1.1 by ALPN");
        }
    }
    let opened = client.http2();
    if !it.http2.value {
        return match opened {
            Ok(_) => said("HTTP/2 was spoken".to_owned(), "no HTTP/2"),
            Err(_) => Ok(()),
        };
    }
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(why) => return said(why.to_string(), "HTTP/2"),
    };
    let http1 = lab.send(&ask.again())?;
    let came = connection.send(&ask.request.method, &ask.target(), &ask.lines(), &ask.body);
    let response = match came {
        Ok(response) => response,
        Err(why) => return said(why.to_string(), "an answer over HTTP/2"),
    };
    if response.status == http1.status && response.server().is_empty() == http1.server().is_empty()
    {
        return Ok(());
    }
    said(
        format!("{} over HTTP/2", status(&response)),
        &format!("{} as over HTTP/1.1", http1.status),
    )
}

/// RFC 9000 §6: an unknown version is answered with those that are known.
fn http3(lab: &Lab, listener: ListenerId) -> Seen {
    let at = lab.places.listeners[listener.index()];
    let ask = some(lab, listener)?;
    let response = lab.send(&ask)?;
    let deviates = |came: &str, promised: &str| Err(deviation(&ask, came, promised));
    if !quic_answers(at)? {
        return deviates("no answer to a QUIC packet", "Version Negotiation over UDP");
    }
    // At the port that clients see.
    let wanted = format!(
        "h3=\":{}\"",
        lab.gateway.listener(listener).public_port.value
    );
    match response.header("alt-svc") {
        Some(offer) if offer.contains(&wanted) => Ok(()),
        Some(offer) => deviates(
            &format!("Alt-Svc: {offer}"),
            &format!("Alt-Svc with {wanted}"),
        ),
        None => deviates("no Alt-Svc", &format!("Alt-Svc with {wanted}")),
    }
}

fn quic_answers(at: SocketAddr) -> io::Result<bool> {
    let socket = UdpSocket::bind((at.ip(), 0))?;
    socket.connect(at)?;
    socket.set_read_timeout(Some(Duration::from_millis(400)))?;
    // A long header, a version reserved to be unknown, both connection ids, and room enough to be answered.
    let mut packet = vec![0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8];
    packet.extend([7; 8]);
    packet.push(8);
    packet.extend([9; 8]);
    packet.resize(1200, 0);
    for _ in 0..3 {
        let mut answer = [0; 1500];
        // A refusal comes back as an error of the next call.
        let came = socket.send(&packet).and_then(|_| socket.recv(&mut answer));
        if came.is_ok_and(|length| length > 5) && answer[0] & 0x80 != 0 && answer[1..5] == [0; 4] {
            return Ok(true);
        }
    }
    Ok(false)
}

fn proxy_protocol(lab: &Lab, listener: ListenerId) -> Seen {
    let ask = some(lab, listener)?;
    // Without the header.
    let bare = lab.client_of(&ask)?.opening(b"");
    if let Ok(answer) = bare.try_send("GET", &ask.target(), &ask.lines(), b"")
        && (answer.status < 400 || !answer.server().is_empty())
    {
        return Err(deviation(
            &ask,
            format!("{} without a PROXY protocol header", status(&answer)),
            "no answer of a route",
        ));
    }
    let ask = passed_on(lab, listener)?;
    let entry = lab.asker().outcome(&ask).and_then(|it| it.entry);
    let forwarded = entry.is_some_and(|it| lab.gateway.route(it.route).forwarded.value);
    let Some(IpAddr::V4(client)) = ask.client() else {
        return Ok(());
    };
    let mut second = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    second.extend(client.octets());
    second.extend([127, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb]);
    for client_of in [None, Some(second)] {
        let ask = ask.again();
        let to = lab.client_of(&ask)?;
        let to = match &client_of {
            None => to,
            Some(bytes) => to.opening(bytes),
        };
        let answer = answer_by(&to, &ask)?;
        let arrivals = lab.arrivals(&ask);
        let Some((_, _, request)) = arrivals.first() else {
            return Err(deviation(&ask, status(&answer), "an answer of a server"));
        };
        let seen = request.header("x-real-ip").unwrap_or("none");
        if forwarded && seen != client.to_string() {
            return Err(deviation(
                &ask,
                format!("the server saw X-Real-IP: {seen}"),
                format!("X-Real-IP: {client}"),
            ));
        }
    }
    Ok(())
}

fn tcp_keepalive(lab: &Lab, listener: ListenerId, time: Dur) -> Seen {
    let at = lab.places.listeners[listener.index()];
    let tcp = TcpStream::connect(at)?;
    let ours = tcp.local_addr()?;
    let start = Instant::now();
    let mut seen = None;
    while seen.is_none() && start.elapsed() < Duration::from_secs(2) {
        seen = keepalive::left(&keepalive::table()?, at, ours);
        std::thread::sleep(Duration::from_millis(20));
    }
    let wanted = Duration::from_millis(time.as_millis());
    // The kernel counts down from the moment at which the connection was made.
    let close = |left: Duration| left <= wanted && left + Duration::from_secs(4) >= wanted;
    match seen {
        Some(left) if close(left) => Ok(()),
        Some(left) => Err(Miss::Broken(Deviation::new(
            "a connection that is silent",
            format!("a sign of life is asked for in {:.0} s", left.as_secs_f64()),
            format!("after {time}"),
        ))),
        None => Err(Miss::Broken(Deviation::new(
            "a connection that is silent",
            "no keep-alive timer runs on it",
            format!("a sign of life after {time}"),
        ))),
    }
}
