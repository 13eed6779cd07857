//! Whether the file that is probed says the same as the one that is rendered for use, but for the values that were moved.

use crate::emit::OutFile;

/// Forms of lines of the probed files that no line of the written files has: words differ, not only numbers, addresses and paths.
pub(super) fn strange(written: &[OutFile], probed: &[OutFile]) -> Vec<String> {
    let mut known: Vec<String> = written.iter().flat_map(forms).collect();
    known.sort_unstable();
    let mut strange: Vec<String> = probed.iter().flat_map(forms).collect();
    strange.sort_unstable();
    strange.dedup();
    strange.retain(|form| known.binary_search(form).is_err());
    strange
}

fn forms(file: &OutFile) -> impl Iterator<Item = String> + '_ {
    file.text.lines().map(form)
}

/// A line in which every word that holds a digit or a slash, or is the name of a host, is the same sign.
fn form(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in line.chars().chain([' ']) {
        if c.is_alphanumeric() || "_-.:/[]*".contains(c) {
            word.push(c);
            continue;
        }
        if word.contains(|c: char| c.is_ascii_digit() || c == '/' || c == '.') {
            out.push('#');
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(c);
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::strange;
    use crate::emit::OutFile;

    fn file(text: &str) -> Vec<OutFile> {
        vec![OutFile {
            path: "x".into(),
            text: text.to_owned(),
            lines: Vec::new(),
        }]
    }

    #[test]
    fn values_may_differ_and_words_may_not() {
        let written =
            file("server app.internal:8080 weight=3;\nproxy_read_timeout 1h;\nlisten 443 ssl;\n");
        let moved = file(
            "server 127.64.0.1:10000 weight=3;\nproxy_read_timeout 2s;\nlisten 127.0.0.1:10001 ssl;\n",
        );
        assert!(strange(&written, &moved).is_empty());
        let other = file("listen 127.0.0.1:10001 ssl;\nproxy_send_timeout 2s;\n");
        assert_eq!(strange(&written, &other), ["proxy_send_timeout #;"]);
    }
}
