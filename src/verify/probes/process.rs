//! The program as a process: how many connections it takes, how many files it may open, how many workers it has.

use std::io;
use std::time::Duration;

use crate::ir::{Feature, Gateway, RouteId, Subject, Workers};
use crate::verify::lab::{Lab, deviation};
use crate::verify::probe::{Deviation, Miss, Probe, Seen};
use crate::verify::process::members;

pub(super) fn probes(gateway: &Gateway) -> Vec<Probe> {
    let runtime = &gateway.runtime;
    let mut probes = Vec::new();
    if let Some(route) = gateway.routes.iter().find(|it| !it.shares().is_empty()) {
        let (most, route) = (&runtime.max_connections, route.id);
        probes.push(
            Probe::new(
                Feature::MaxConnections,
                Subject::Gateway,
                most.loc(),
                format!(
                    "{} client connections are open at once, and one more waits",
                    most.value
                ),
                move |lab| connections(lab, route),
            )
            .alone()
            .few_connections(),
        );
    }
    let files = &runtime.files;
    // A derived ceiling that the machine does not allow is no promise that anybody wrote.
    if files.is_written() {
        probes.push(Probe::new(
            Feature::Files,
            Subject::Gateway,
            files.loc(),
            format!("{} files may be open", files.value),
            open_files,
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
fn connections(lab: &Lab, route: RouteId) -> Seen {
    let most = lab.gateway.runtime.max_connections.value as usize;
    let good = lab.asker().good(route);
    let Some(ask) = good.filter(|it| !it.request.is_websocket()) else {
        return Err(Miss::Unseen(
            "no plain request was found that the route takes".to_owned(),
        ));
    };
    let client = lab.client_of(&ask)?.patience(Duration::from_secs(2));
    let mut open = Vec::new();
    for number in 1..=most {
        let mut connection = client.connect()?;
        let answer = connection.send(&ask.request.method, &ask.target(), &ask.lines(), b"");
        if let Err(why) = answer {
            let came = format!("connection {number} got no answer: {why}");
            return Err(deviation(
                &ask,
                came,
                format!("{most} connections that are served"),
            ));
        }
        open.push(connection);
    }
    let late = client.clone().patience(Duration::from_millis(700));
    let mut one_more = match late.connect() {
        Ok(connection) => connection,
        // Not even accepted: it does not count among the open ones.
        Err(_) => return Ok(()),
    };
    match one_more.send(&ask.request.method, &ask.target(), &ask.lines(), b"") {
        Ok(answer) => Err(deviation(
            &ask,
            format!("connection {} got status {}", most + 1, answer.status),
            "no answer while all places are taken",
        )),
        Err(_) => Ok(()),
    }
}

fn open_files(lab: &Lab) -> Seen {
    let wanted = lab.gateway.runtime.files.value;
    let allowed = limits("self")?.1;
    if allowed < wanted {
        return Err(Miss::Unseen(format!("this machine allows {allowed} files")));
    }
    let mut best = 0;
    for process in members(lab.running().pid()) {
        best = best.max(limits(&process.to_string())?.0);
    }
    if best >= wanted {
        Ok(())
    } else {
        Err(Deviation::new(
            "a look at its processes",
            format!("at most {best} files"),
            format!("{wanted} files"),
        )
        .into())
    }
}

/// The soft and the hard limit on open files of a process.
fn limits(process: &str) -> io::Result<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/limits"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut numbers = line
        .unwrap_or_default()
        .split_whitespace()
        .map(|word| match word {
            "unlimited" => u64::MAX,
            number => number.parse().unwrap_or(0),
        });
    Ok((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}

/// Workers are processes beside the first, or threads of one process.
fn workers(lab: &Lab) -> Seen {
    let Workers::Count(wanted) = lab.gateway.runtime.workers.value else {
        return Ok(());
    };
    let first = lab.running().pid();
    let all = members(first);
    let processes = all.iter().filter(|it| **it != first).count();
    let threads = all.iter().map(|it| threads(*it)).max().unwrap_or(0);
    if processes == usize::from(wanted) || threads == usize::from(wanted) {
        Ok(())
    } else {
        Err(Deviation::new(
            "a look at its processes",
            format!("{processes} processes beside the first, at most {threads} threads in one"),
            format!("{wanted} workers"),
        )
        .into())
    }
}

fn threads(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count)
}
