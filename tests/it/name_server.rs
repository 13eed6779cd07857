//! The name server of `wsgen::verify`: what it answers, over UDP and TCP, while its names change.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use wsgen::verify::stub::dns::NameServer;

/// A question for the name, of this type.
fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend(kind.to_be_bytes());
    query.extend([0, 1]);
    query
}

fn ask_udp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    socket
        .set_read_timeout(Some(Duration::from_secs(2)))
        .expect("a socket");
    socket.send_to(query, server).expect("it is sent");
    let mut reply = [0; 1024];
    let length = socket.recv(&mut reply).expect("a reply");
    reply[..length].to_vec()
}

fn ask_tcp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let mut tcp = TcpStream::connect(server).expect("it listens");
    let length = (query.len() as u16).to_be_bytes();
    tcp.write_all(&[&length, query].concat())
        .expect("it is sent");
    let mut length = [0; 2];
    tcp.read_exact(&mut length).expect("a length");
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    tcp.read_exact(&mut reply).expect("a reply");
    reply
}

#[test]
fn names_change_while_they_are_served() {
    const A: u16 = 1;
    const AAAA: u16 = 28;
    let server = NameServer::start().expect("a port is free");
    let at = server.address();
    let (code, count) = (|reply: &[u8]| reply[3] & 15, |reply: &[u8]| reply[7]);
    let query = question("Chat.Internal", A);
    assert_eq!(
        code(&ask_udp(at, &query)),
        3,
        "an unknown name does not exist"
    );

    let four = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
    let six = IpAddr::V6(Ipv6Addr::LOCALHOST);
    server.set("chat.internal", &[four, six]);
    server.set_ttl(7);
    for reply in [ask_udp(at, &query), ask_tcp(at, &query)] {
        assert_eq!((code(&reply), count(&reply)), (0, 1));
        assert!(reply.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 7, 0, 4, 127, 0, 0, 9]));
        assert_eq!(reply[12..query.len()], query[12..], "the case comes back");
    }
    let reply = ask_udp(at, &question("chat.internal", AAAA));
    assert!(reply.ends_with(&Ipv6Addr::LOCALHOST.octets()));
    server.set("chat.internal", &[]);
    let empty = ask_udp(at, &query);
    assert_eq!((code(&empty), count(&empty)), (0, 0));
    server.set("chat.internal", &vec![four; 60]);
    let cut = ask_udp(at, &query);
    assert_eq!((cut[2] & 2, count(&cut)), (2, 0), "too long for a datagram");
    assert_eq!(count(&ask_tcp(at, &query)), 60);
    server.remove("chat.internal");
    assert_eq!(code(&ask_udp(at, &query)), 3);
    assert_eq!(server.queries("CHAT.internal."), 8);
    assert_eq!(server.queries("other"), 0);
    drop(server);
    assert!(TcpStream::connect(at).is_err());
}
