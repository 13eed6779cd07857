//! The time of day as logs write it: by RFC 3339, or as the Common Log Format has it.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

/// The second that a thread has written last: the next line is most often of the same one.
struct Second {
    at: u64,
    /// `2026-11-23T06:29:59`
    text: Vec<u8>,
}

thread_local! {
    static SECOND: RefCell<Second> = const { RefCell::new(Second { at: u64::MAX, text: Vec::new() }) };
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// Writes the time by RFC 3339, to the millisecond.
pub(crate) fn rfc3339(line: &mut Vec<u8>) {
    let since = since_epoch();
    SECOND.with_borrow_mut(|second| {
        if second.at != since.as_secs() {
            let (year, month, day, hour, minute, of_minute) = parts(since.as_secs());
            second.at = since.as_secs();
            second.text.clear();
            // A vector takes every byte.
            let _ = write!(
                second.text,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{of_minute:02}"
            );
        }
        line.extend_from_slice(&second.text);
    });
    let millis = since.subsec_millis();
    line.push(b'.');
    for unit in [100, 10, 1] {
        line.push(b'0' + (millis / unit % 10) as u8);
    }
    line.push(b'Z');
}

/// Writes the time as the Common Log Format has it.
pub(crate) fn common(line: &mut Vec<u8>) {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day, hour, minute, second) = parts(since_epoch().as_secs());
    let month = MONTHS[(month as usize).saturating_sub(1).min(11)];
    let _ = write!(
        line,
        "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
    );
}

/// Days since 1970 as year, month and day (Howard Hinnant's civil_from_days).
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32)
}

fn parts(seconds: u64) -> (i64, u32, u32, u64, u64, u64) {
    let (year, month, day) = civil((seconds / 86_400) as i64);
    let second = seconds % 86_400;
    (
        year,
        month,
        day,
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(parts(0), (1970, 1, 1, 0, 0, 0));
        assert_eq!(parts(951_827_696), (2000, 2, 29, 12, 34, 56));
        assert_eq!(parts(1_798_761_599), (2026, 12, 31, 23, 59, 59));
    }
}
