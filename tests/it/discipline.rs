//! The rules of the house that no compiler checks: what a template may hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::bless::root;

/// Filters that a template may use: the source mark and the languages' own forms.
const FORMS: [&str; 5] = ["at", "text", "fmt", "name", "remark"];

#[test]
fn templates_lay_out_and_never_decide() {
    let mut faults = Vec::new();
    for (path, text) in templates() {
        let mut found = Vec::new();
        let conditions = read(&text, &mut found);
        let target = path.split('/').next().unwrap_or_default();
        for name in conditions {
            if !is_field(target, &name) {
                found.push(format!(
                    "`if {name}`: no plan under src/targets/{target} has a field `{name}`, so it is always false"
                ));
            }
        }
        faults.extend(
            found
                .into_iter()
                .map(|fault| format!("templates/{path}.tera: {fault}")),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_template_is_embedded() {
    let files: BTreeSet<String> = templates().into_iter().map(|(path, _)| path).collect();
    let embedded: BTreeSet<String> = wsgen::emit::templates()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(
        files, embedded,
        "templates/ (left) and src/emit/templates.rs (right) differ"
    );
}

#[test]
fn the_reader_of_templates_sees_each_fault() {
    let fine = "{# note #}a {{ x }} {{ x.y | text }};{{ at | at }}\n{%- for l in r.list %}\n  b {{ l }};\n{%- endfor %}\n\
                {% if r.ws %}x{% else %}y{% endif %}\n{% include \"nginx/part\" %}\nif ($v = {{ x }}) { }\n";
    let mut faults = Vec::new();
    assert_eq!(read(fine, &mut faults), ["ws"]);
    assert_eq!(faults, [""; 0]);
    for bad in [
        "{% if a == 1 %}{% endif %}",
        "{% if not a %}{% endif %}",
        "{% if a and b %}{% endif %}",
        "{% elif a %}",
        "{% set a = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% for a in b | reverse %}{% endfor %}",
        "{% include name %}",
        "{{ a ~ b }}",
        "{{ a + 1 }}",
        "{{ a | safe }}",
        "{{ a | upper }}",
        "{{ a[0] }}",
        "{{ \"text\" }}",
        "\"{{ a }}\"",
        "'{{ a }}'",
        "weight={{ a }}",
        "{{ a }}{{ b }}",
        "{{ a }}ms",
        "{{ a }}:80",
        "{{ a",
        "{% if a",
    ] {
        let mut faults = Vec::new();
        read(bad, &mut faults);
        assert!(!faults.is_empty(), "not seen: {bad}");
    }
}

/// (path under `templates/` without `.tera`, text), sorted.
fn templates() -> Vec<(String, String)> {
    let root = root().join("templates");
    let mut files: Vec<(String, String)> = files_under(&root, "tera")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("it lies there");
            let name = name.with_extension("").to_string_lossy().into_owned();
            (
                name,
                std::fs::read_to_string(&path).expect("it can be read"),
            )
        })
        .collect();
    files.sort();
    files
}

fn files_under(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_under(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            files.push(path);
        }
    }
    files
}

/// Reads a template, notes what it must not hold, and returns the last names of its conditions.
fn read(text: &str, faults: &mut Vec<String>) -> Vec<String> {
    let mut conditions = Vec::new();
    let mut rest = text;
    // What stands before a tag on its line: `None` after a tag that writes nothing.
    let mut before = None;
    while let Some(start) = rest
        .find("{{")
        .into_iter()
        .chain(rest.find("{%"))
        .chain(rest.find("{#"))
        .min()
    {
        before = rest[..start].chars().next_back().or(before);
        let (close, kind) = match &rest[start..start + 2] {
            "{{" => ("}}", 'v'),
            "{%" => ("%}", 's'),
            _ => ("#}", 'c'),
        };
        let line = text[..text.len() - rest.len() + start]
            .lines()
            .count()
            .max(1);
        let Some(length) = rest[start..].find(close) else {
            faults.push(format!("line {line}: a tag is not closed"));
            return conditions;
        };
        let body = rest[start + 2..start + length].trim_matches('-').trim();
        let after = rest[start + length + 2..].chars().next();
        rest = &rest[start + length + 2..];
        match kind {
            'v' => {
                if let Some(fault) = value(body, before, after, rest) {
                    faults.push(format!("line {line}: `{{{{ {body} }}}}` {fault}"));
                }
                before = Some(if body.ends_with("| at") { ' ' } else { '}' });
            }
            's' => {
                match statement(body) {
                    Ok(condition) => conditions.extend(condition),
                    Err(fault) => faults.push(format!("line {line}: `{{% {body} %}}` {fault}")),
                }
                before = None;
            }
            _ => before = None,
        }
    }
    conditions
}

/// Why a `{{ }}` is not a whole token laid out as it is.
fn value(body: &str, before: Option<char>, after: Option<char>, rest: &str) -> Option<String> {
    let (path, form) = match body.split_once('|') {
        Some((path, form)) => (path.trim(), Some(form.trim())),
        None => (body, None),
    };
    if !is_path(path) {
        return Some("is more than a path".to_owned());
    }
    if let Some(form) = form
        && !FORMS.contains(&form)
    {
        return Some(format!("uses `{form}`: only {}", FORMS.join(", ")));
    }
    if form == Some("at") {
        return None;
    }
    let starts = before.is_none_or(|c| c.is_whitespace() || "(".contains(c));
    let mark_follows = rest
        .split_once("}}")
        .is_some_and(|(next, _)| next.starts_with("{{") && next.trim_end().ends_with("| at"));
    let ends = match after {
        None => true,
        Some('{') => rest.starts_with("{%") || rest.starts_with("{#") || mark_follows,
        // In YAML and JSON a token may be followed by these, and then by a space.
        Some(':' | ',') => rest[1..].starts_with([' ', '\n']),
        Some(c) => c.is_whitespace() || ";)]".contains(c),
    };
    (!starts || !ends)
        .then(|| "is not a whole token: put the token together in the plan".to_owned())
}

/// The name that a statement asks about, or why it is not allowed.
fn statement(body: &str) -> Result<Option<String>, &'static str> {
    let words: Vec<&str> = body.split_whitespace().collect();
    match words.as_slice() {
        ["else" | "endif" | "endfor"] => Ok(None),
        ["if", path] if is_path(path) => Ok(path.rsplit('.').next().map(str::to_owned)),
        ["for", name, "in", path] if is_path(name) && is_path(path) => Ok(None),
        ["include", name] if name.len() > 2 && name.starts_with('"') && name.ends_with('"') => {
            Ok(None)
        }
        _ => Err("decides: only `for x in list`, `if flag`, `else` and `include \"name\"`"),
    }
}

fn is_path(text: &str) -> bool {
    text.split('.').all(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Whether some struct of the target's sources has a field of that name.
fn is_field(target: &str, name: &str) -> bool {
    let sources = root().join("src/targets").join(target);
    files_under(&sources, "rs").iter().any(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| {
            let line = line.trim_start();
            let line = line
                .strip_prefix("pub ")
                .or_else(|| line.strip_prefix("pub(crate) "))
                .or_else(|| line.strip_prefix("pub(super) "))
                .unwrap_or(line);
            let by_hand = format!("serialize_field(\"{name}\"");
            line.contains(&by_hand)
                || line
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(": "))
        })
    })
}
