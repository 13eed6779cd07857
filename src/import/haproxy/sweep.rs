//! What is left to say when everything has been read: directives that nothing spoke of, times that may have been meant otherwise.

use super::lines::Section;
use super::{known, remarks, removed, units};
use crate::import::Reading;

/// Times without a unit that are too long for milliseconds to have been meant, or too short for seconds.
pub(super) fn units_of(sections: &[Section], reading: &mut Reading<'_>) {
    for line in sections
        .iter()
        .flat_map(|it| &it.lines)
        .filter(|it| it.word(0) == "timeout")
    {
        let text = line.word(2);
        let odd = text
            .parse::<u64>()
            .is_ok_and(|it| it > 0 && (it < 100 || matches!(it, 3600 | 7200 | 86_400)));
        if let (true, Some(is)) = (odd, units::time(text)) {
            remarks::bare_number(reading, line, text, &is);
        }
    }
}

/// What nothing else has spoken of.
pub(super) fn sweep(sections: &[Section], reading: &mut Reading<'_>) {
    for section in sections {
        let kind = section.head.word(0);
        let proxy = matches!(kind, "defaults" | "frontend" | "backend" | "listen");
        let tcp = matches!(kind, "frontend" | "backend" | "listen")
            && !reading.account.is_settled(section.head.id);
        let tables = section.lines.iter().all(|it| it.word(0) == "stick-table");
        if kind == "defaults" {
            reading.account.moot(
                section.head.id,
                "what proxies inherit stands where it holds",
            );
        } else if tcp && tables {
            reading.account.moot(section.head.id, "a table of a limit");
        } else if tcp {
            let why = if kind == "backend" {
                "no rule of the spec leads to it"
            } else {
                "it passes bytes on, not requests, or leads none of them anywhere"
            };
            reading.account.lost(section.head.id, why);
        } else if !proxy && !reading.account.is_settled(section.head.id) {
            reading
                .account
                .lost(section.head.id, "a section that no spec has");
        }
        for line in &section.lines {
            if reading.account.is_settled(line.id) {
                continue;
            }
            if !proxy {
                reading.account.lost(line.id, "wsgen has no word for it");
                continue;
            }
            let directive = line.directive();
            let section_is_lost = tcp && !tables && kind != "defaults";
            if let Some(was) = removed::removed(&directive).filter(|_| !section_is_lost) {
                let since = format!("HAProxy {} and later do not know it", was.since);
                reading.account.lost(line.id, since);
                let instead = format!("write {}, and import again", was.instead);
                reading.account.help(line.id, instead);
                if was.guards {
                    remarks::open(reading, line);
                }
                continue;
            }
            match known::left(&directive) {
                _ if section_is_lost => reading.account.lost(line.id, "its section is lost"),
                known::Left::Moot(why) => reading.account.moot(line.id, why),
                known::Left::Lost(why) => reading.account.lost(line.id, why),
                known::Left::Unknown(meant) => {
                    reading.account.unknown(line.id, meant.as_deref());
                }
            }
        }
    }
}
