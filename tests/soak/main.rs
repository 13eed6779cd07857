//! The reference proxy under load for a while: thousands of tunnels with numbered messages, while servers are killed and started again, the
//! spec is reloaded and the proxy itself drains and comes back. No message is lost or comes twice, and memory stays flat.
//!
//! `WSGEN_SOAK` is how many seconds it takes (20), `WSGEN_SOAK_TUNNELS` how many tunnels are open (500); `cargo soak` takes five minutes and 2000.

#![allow(clippy::print_stderr)] // its figures

mod client;
mod proxy;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use client::{Client, Tally};
use proxy::Proxy;
use server::Server;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_is_lost_and_nothing_is_kept() {
    let length = Duration::from_secs(number("WSGEN_SOAK", 20));
    let count = number("WSGEN_SOAK_TUNNELS", 500) as usize;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(soak(length, count));
}

async fn soak(length: Duration, count: usize) {
    let mut servers = [
        Server::start().await,
        Server::start().await,
        Server::start().await,
    ];
    let addresses: Vec<_> = servers.iter().map(Server::address).collect();
    let mut proxy = Proxy::start(&addresses).await;
    let tally = Arc::new(Tally::default());
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..count)
        .map(|at| {
            let client = Client::new(at, proxy.address, Arc::clone(&tally), Arc::clone(&over));
            tokio::spawn(client.run())
        })
        .collect();
    let start = Instant::now();
    while tally.open.load(Relaxed) < count as u64 {
        assert!(start.elapsed() < Duration::from_secs(60), "{tally:?}");
        pause(50).await;
    }
    let start = Instant::now();
    let (mut round, mut reloads, mut kills, mut drains) = (0_u32, 0, 0, 0);
    while start.elapsed() < length {
        round += 1;
        match round % 10 {
            3 | 8 => {
                let at = kills % servers.len();
                servers[at].kill().await;
                pause(300).await;
                servers[at].revive().await;
                kills += 1;
            }
            5 => {
                proxy = proxy.again(&addresses).await;
                drains += 1;
            }
            _ => {
                proxy.reload(&addresses, round).await;
                reloads += 1;
            }
        }
        pause(500).await;
    }
    let least = proxy.memory();
    for more in 0..30 {
        proxy.reload(&addresses, 1000 + more).await;
        reloads += 1;
    }
    pause(500).await;
    let most = proxy.memory();
    over.store(true, Relaxed);
    for client in clients {
        client.await.expect("no client panics");
    }
    eprintln!(
        "{count} tunnels, {:.0?}: {} messages, {} tunnels opened, {} of them by 1001; {reloads} reloads, {kills} servers killed, {drains} drains; {least} then {most} KiB",
        start.elapsed(),
        tally.echoed.load(Relaxed),
        tally.opened.load(Relaxed),
        tally.told_to_go.load(Relaxed),
    );
    let wrong = std::mem::take(&mut *tally.wrong.lock().expect("no panic"));
    assert!(
        wrong.is_empty(),
        "{} wrong, such as {:?}",
        wrong.len(),
        wrong.first()
    );
    assert!(tally.echoed.load(Relaxed) > count as u64, "{tally:?}");
    // A server that is killed may end every tunnel, and so does a drain; a reload ends none.
    let ends = kills as u64 + drains;
    assert!(
        tally.opened.load(Relaxed) <= count as u64 * (1 + ends),
        "reloads ended tunnels: {tally:?} after {ends} kills and drains"
    );
    assert!(
        most < least + least / 4 + 4096,
        "memory grew from {least} to {most} KiB"
    );
    proxy.stop().await;
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
