//! certificate-expired: certificates whose time is over, or will be within two weeks.

use super::pem;
use super::{Findings, Rule, Subject};
use crate::diag::Level;

pub(super) const RULE: Rule = Rule::files(
    Level::Error,
    "certificate-expired",
    include_str!("certificate_expired.md"),
    run,
);

const DAY: i64 = 24 * 60 * 60;

fn run(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(disk) = subject.disk else {
        return;
    };
    for (certificate, cert, facts) in pem::readable(subject.gateway, disk.files) {
        let left = (facts.until - disk.now).abs() / DAY;
        let (level, title) = if facts.until < disk.now {
            (Level::Error, format!("certificate {} expired {} ago", certificate.name, days(left)))
        } else if disk.now < facts.from {
            (Level::Error, format!("certificate {} is not valid yet", certificate.name))
        } else if left < 14 {
            (Level::Warning, format!("certificate {} expires in {}", certificate.name, days(left)))
        } else {
            continue;
        };
        findings
            .with(level, cert.loc(), title)
            .note("browsers and libraries refuse the connection; a WebSocket client sees only that it failed")
            .help("renew it, and reload the proxy: most programs read certificates only at start");
    }
}

/// `less than a day`, `1 day`, `2 days`.
fn days(count: i64) -> String {
    match count {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        _ => format!("{count} days"),
    }
}
