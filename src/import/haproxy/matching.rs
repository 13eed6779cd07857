//! How an acl's patterns are compared, and what several lines of one acl ask together.

use super::sample::Sample;
use super::test::{Host, Path, Test, Value};
use super::units;
use crate::import::regex::anchored as whole;
use crate::ir::regex::check;
use crate::spec::units::ClientRange;

/// How patterns are compared.
pub(super) struct Match<'a> {
    pub method: &'a str,
    pub ignore_case: bool,
    pub patterns: Vec<String>,
}

pub(super) fn any(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    match parts.as_slice() {
        [one] => one.clone(),
        _ => format!("(?:{})", parts.join("|")),
    }
}

impl Match<'_> {
    pub(super) fn yes(&self, test: Test) -> Option<Test> {
        if !matches!(self.method, "str" | "bool" | "int") {
            return None;
        }
        match self
            .patterns
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [] | ["1"] => Some(test),
            _ => None,
        }
    }

    pub(super) fn literal(&self) -> Option<Vec<String>> {
        (self.method == "str" && !self.patterns.is_empty()).then(|| self.patterns.clone())
    }

    pub(super) fn over(&self) -> Option<u64> {
        match self
            .patterns
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["gt", most] => units::bytes(most),
            ["ge", least] => units::bytes(least)?.checked_sub(1),
            _ => None,
        }
    }

    pub(super) fn value(&self) -> Option<Value> {
        let quoted = |text: &String| regex_syntax::escape(text);
        let fold = if self.ignore_case { "(?i)" } else { "" };
        let value = match self.method {
            "found" => Value::Present,
            "str" if self.patterns.is_empty() => Value::Present,
            "str" => Value::Is(self.patterns.clone()),
            "len" if self.patterns == ["gt", "0"] => Value::Present,
            "beg" => Value::Regex(format!("{fold}{}.*", any(self.patterns.iter().map(quoted)))),
            "end" => Value::Regex(format!("{fold}.*{}", any(self.patterns.iter().map(quoted)))),
            "sub" => Value::Regex(format!(
                "{fold}.*{}.*",
                any(self.patterns.iter().map(quoted))
            )),
            "reg" => Value::Regex(format!(
                "{fold}{}",
                any(self.patterns.iter().map(|it| whole(it, false)))
            )),
            _ => return None,
        };
        match &value {
            Value::Regex(text) => check(text).is_ok().then_some(value),
            _ => Some(value),
        }
    }

    /// The same where case does not count in values that are compared.
    pub(super) fn folded(&self) -> Option<Value> {
        Some(match self.value()? {
            Value::Is(values) if self.ignore_case => Value::Regex(format!(
                "(?i){}",
                any(values.iter().map(|it| regex_syntax::escape(it)))
            )),
            value => value,
        })
    }

    /// Ranges of addresses.
    pub(super) fn ranges(&self) -> Option<Vec<String>> {
        let said = |it: &String| it.parse::<ClientRange>().is_ok();
        (matches!(self.method, "str" | "ip")
            && !self.patterns.is_empty()
            && self.patterns.iter().all(said))
        .then(|| self.patterns.clone())
    }

    /// Whole numbers that something has to be one of: no ranges, and of the operators only `eq`.
    pub(super) fn numbers(&self) -> Option<Vec<String>> {
        let numbers = match self.patterns.split_first() {
            Some((first, rest)) if first == "eq" => rest,
            _ => &self.patterns,
        };
        let digits = |it: &String| it.bytes().all(|it| it.is_ascii_digit());
        (matches!(self.method, "str" | "int") && !numbers.is_empty() && numbers.iter().all(digits))
            .then(|| numbers.to_vec())
    }

    pub(super) fn hosts(&self, differs: &mut Vec<String>) -> Option<Test> {
        if self.patterns.is_empty() {
            return None;
        }
        let mut hosts = Vec::new();
        for pattern in &self.patterns {
            let name = pattern.to_lowercase();
            let bare = match name.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|it| it.is_ascii_digit()) => host,
                _ => &name,
            };
            match self.method {
                "str" => hosts.push(Host::Exact(bare.to_owned())),
                "end" => match bare.strip_prefix('.') {
                    Some(rest) => hosts.push(Host::Suffix(rest.to_owned())),
                    None => {
                        differs.push(format!(
                            "`{bare}` and what ends in `.{bare}`: `not{bare}` is not taken"
                        ));
                        hosts.extend([Host::Exact(bare.to_owned()), Host::Suffix(bare.to_owned())]);
                    }
                },
                "dom" => {
                    differs.push(format!(
                        "`{bare}` and what ends in `.{bare}`: `{bare}.evil.example` is not taken"
                    ));
                    hosts.extend([Host::Exact(bare.to_owned()), Host::Suffix(bare.to_owned())]);
                }
                "beg" => hosts.push(Host::Regex(format!("{}.*", regex_syntax::escape(bare)))),
                "sub" => hosts.push(Host::Regex(format!(".*{}.*", regex_syntax::escape(bare)))),
                // As it is written: `\D` in lower case asks for something else.
                "reg" => {
                    hosts.push(Host::Regex(format!("(?i){}", whole(pattern, false))));
                }
                _ => return None,
            }
        }
        let unsaid = |it: &Host| matches!(it, Host::Regex(text) if check(text).is_err());
        if hosts.iter().any(unsaid) {
            return None;
        }
        let mut seen = Vec::new();
        hosts.retain(|it| {
            !seen.contains(it) && {
                seen.push(it.clone());
                true
            }
        });
        Some(Test::Hosts(hosts))
    }

    pub(super) fn paths(
        &self,
        through: &[&str],
        first: Option<&super::sample::Call>,
        differs: &mut Vec<String>,
        loose: &mut Option<String>,
    ) -> Option<Test> {
        let slashed = match through {
            [] | ["lower"] => false,
            // Our own: with a slash behind it, a path is matched by segments.
            ["concat"] => first.is_some_and(|it| it.args == ["/"]),
            _ => return None,
        };
        if self.patterns.is_empty() {
            return None;
        }
        if self.ignore_case && self.method != "reg" {
            differs.push("case counts in a path".to_owned());
        }
        let fold = if self.ignore_case { "(?i)" } else { "" };
        let mut paths = Vec::new();
        for pattern in &self.patterns {
            paths.push(match self.method {
                "str" => Path::Exact(pattern.clone()),
                "beg" if slashed => Path::Prefix(
                    pattern
                        .strip_suffix('/')
                        .filter(|it| !it.is_empty())
                        .unwrap_or(pattern)
                        .to_owned(),
                ),
                "beg" => {
                    if !pattern.ends_with('/') {
                        *loose = Some(pattern.clone());
                        differs.push(format!(
                            "a prefix ends at a segment: `{pattern}x` is not taken"
                        ));
                    }
                    Path::Prefix(pattern.clone())
                }
                "end" => Path::Regex(format!(".*{}", regex_syntax::escape(pattern))),
                "sub" => Path::Regex(format!(".*{}.*", regex_syntax::escape(pattern))),
                "dir" => Path::Regex(format!(
                    "(?:/.*)?/{}(?:/.*)?",
                    regex_syntax::escape(pattern.trim_matches('/'))
                )),
                "reg" => Path::Regex(format!("{fold}{}", whole(pattern, false))),
                _ => return None,
            });
        }
        if paths.iter().any(
            |it| matches!(it, Path::Prefix(text) | Path::Exact(text) if !text.starts_with('/')),
        ) {
            return None;
        }
        if paths
            .iter()
            .any(|it| matches!(it, Path::Regex(text) if check(text).is_err()))
        {
            return None;
        }
        Some(Test::Paths(paths))
    }
}

/// Counters of a stick table: `sc_http_req_rate(0) gt 20`.
pub(super) fn counter(sample: &Sample, by: &Match<'_>) -> Option<Test> {
    let name = &sample.fetch.name;
    let what = name
        .trim_start_matches("sc")
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start_matches('_');
    let numbered = name.starts_with("sc_");
    let table = sample
        .fetch
        .args
        .get(usize::from(numbered))
        .cloned()
        .unwrap_or_default();
    let most = by.over()?;
    match what {
        "http_req_rate" | "gpc0_rate" | "conn_rate" | "sess_rate" => {
            Some(Test::RateOver(most, table))
        }
        "conn_cur" | "sess_cur" => Some(Test::OpenOver(most, table)),
        _ => None,
    }
}

/// What several lines of one acl ask together: questions of one kind become one.
pub(super) fn together(tests: Vec<Test>) -> Vec<Test> {
    let mut all: Vec<Test> = Vec::new();
    for test in tests {
        let joined = all.iter_mut().any(|one| match (one, &test) {
            (Test::Hosts(a), Test::Hosts(b)) => add(a, b),
            (Test::Paths(a), Test::Paths(b)) => add(a, b),
            (
                Test::Methods(a) | Test::Clients(a) | Test::Ports(a),
                Test::Methods(b) | Test::Clients(b) | Test::Ports(b),
            ) => add(a, b),
            (
                Test::Header(x, Value::Is(a)) | Test::Query(x, Value::Is(a)),
                Test::Header(y, Value::Is(b)) | Test::Query(y, Value::Is(b)),
            ) if x == y => add(a, b),
            _ => false,
        });
        if !joined {
            all.push(test);
        }
    }
    for test in &mut all {
        if let Test::Paths(paths) = test {
            segments(paths);
        }
    }
    all
}

fn add<T: Clone>(to: &mut Vec<T>, more: &[T]) -> bool {
    to.extend_from_slice(more);
    true
}

/// `/ws` and everything below `/ws/` are one prefix of the language.
fn segments(paths: &mut Vec<Path>) {
    let whole: Vec<String> = paths
        .iter()
        .filter_map(|it| match it {
            Path::Exact(text) if paths.contains(&Path::Prefix(format!("{text}/"))) => {
                Some(text.clone())
            }
            _ => None,
        })
        .collect();
    for text in whole {
        paths.retain(|it| *it != Path::Prefix(format!("{text}/")));
        for path in paths.iter_mut() {
            if *path == Path::Exact(text.clone()) {
                *path = Path::Prefix(text.clone());
            }
        }
    }
}
