//! The program as a process: how many connections it takes, how many files it may open, how many workers it has.

use std::io;
use std::time::Duration;

use crate::ir::{Feature, Gateway, Subject, Workers};
use crate::verify::ask::Ask;
use crate::verify::behave::deviation;
use crate::verify::lab::Lab;
use crate::verify::places::open_files;
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::process::members;
use crate::verify::wire::{Connection, Tunnel};

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let runtime = &gateway.runtime;
    let mut probes = Vec::new();
    if gateway.routes.iter().any(|it| !it.shares().is_empty()) {
        let most = &runtime.max_connections;
        probes.push(
            Probe::new(
                Feature::MaxConnections,
                Subject::Gateway,
                most.loc(),
                format!(
                    "{} client connections are open at once, and one more waits",
                    most.value
                ),
                connections,
            )
            .alone()
            .few_connections(),
        );
    }
    let files = &runtime.files;
    // A derived ceiling that the machine does not allow is no promise that anybody wrote.
    if files.is_written() {
        let wanted = files.value;
        probes.push(Probe::new(
            Feature::Files,
            Subject::Gateway,
            files.loc(),
            format!("{} files may be open", files.value),
            move |lab| ceiling(lab, wanted),
        ));
    }
    if let Workers::Count(count) = runtime.workers.value {
        probes.push(Probe::new(
            Feature::WorkerCount,
            Subject::Gateway,
            runtime.workers.loc(),
            format!("{count} workers serve"),
            workers,
        ));
    }
    probes
}

/// As many connections as there may be are served; the next is not, until one of them is gone.
fn connections(lab: &Lab) -> Seen {
    let most = lab.gateway.runtime.max_connections.value as usize;
    let asker = lab.asker();
    let mut routes = lab.open_routes().filter(|it| !it.shares().is_empty());
    let Some(ask) = routes.find_map(|route| asker.good(route.id)) else {
        return Err(Miss::Unseen(
            "no request was found that a route takes".to_owned(),
        ));
    };
    let mut open = Vec::new();
    for number in 1..=most {
        match Held::open(lab, &ask, Duration::from_secs(2)) {
            Ok(held) => open.push(held),
            Err(why) => {
                let came = format!("connection {number} got no answer: {why}");
                let promised = format!("{most} connections that are served");
                return Err(deviation(&ask, came, promised));
            }
        }
    }
    match Held::open(lab, &ask, Duration::from_millis(700)) {
        Ok(_) => Err(deviation(
            &ask,
            format!("connection {} was served", most + 1),
            "no answer while all places are taken",
        )),
        // Not even accepted, or left waiting: both keep to the number.
        Err(_) => Ok(()),
    }
}

/// A connection that was served once and stays open.
#[allow(dead_code, reason = "only to be held")]
enum Held {
    Plain(Connection),
    Tunnel(Box<Tunnel>),
}

impl Held {
    fn open(lab: &Lab, ask: &Ask, patience: Duration) -> io::Result<Held> {
        let mut connection = lab.client_of(ask)?.patience(patience).connect()?;
        if ask.request.is_websocket() {
            let answer = connection.websocket(&ask.target(), &ask.lines())?;
            return answer
                .map(|tunnel| Held::Tunnel(Box::new(tunnel)))
                .map_err(|refused| io::Error::other(format!("status {}", refused.status)));
        }
        connection.send(&ask.request.method, &ask.target(), &ask.lines(), b"")?;
        Ok(Held::Plain(connection))
    }
}

fn ceiling(lab: &Lab, wanted: u64) -> Seen {
    let fits = lab.gateway.runtime.files.value == wanted;
    let all = members(lab.running().pid()).into_iter();
    let best = all
        .filter_map(|process| open_files(&process.to_string()))
        .map(|(soft, _)| soft);
    match best.max() {
        _ if !fits => Err(Miss::Unseen("this machine allows fewer files".to_owned())),
        None => Err(Miss::Unseen(
            "this system does not tell the limits of a process".to_owned(),
        )),
        Some(best) if best >= wanted => Ok(()),
        Some(best) => Err(Deviation::new(
            "a look at its processes",
            format!("at most {best} files"),
            format!("{wanted} files"),
        )
        .into()),
    }
}

/// Workers are processes beside the first, or threads of one process.
fn workers(lab: &Lab) -> Seen {
    let Workers::Count(wanted) = lab.gateway.runtime.workers.value else {
        return Err(Miss::gone());
    };
    let first = lab.running().pid();
    let all = members(first);
    let processes = all.iter().filter(|it| **it != first).count();
    let threads: Vec<Vec<String>> = all.iter().map(|it| threads(*it)).collect();
    let wanted_threads = |names: &Vec<String>| {
        // All of them, or those of one name but for its number.
        names.len() == usize::from(wanted)
            || names.iter().any(|name| {
                names.iter().filter(|other| *other == name).count() == usize::from(wanted)
            })
    };
    let most = threads.iter().map(Vec::len).max().unwrap_or(0);
    if processes == usize::from(wanted) || threads.iter().any(wanted_threads) {
        Ok(())
    } else {
        Err(Deviation::new(
            "a look at its processes",
            format!("{processes} processes beside the first, at most {most} threads in one"),
            format!("{wanted} workers"),
        )
        .into())
    }
}

/// The names of a process's threads, without their numbers.
fn threads(process: u32) -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .map(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            name.trim()
                .trim_end_matches(|c: char| c.is_ascii_digit())
                .to_owned()
        })
        .collect()
}
