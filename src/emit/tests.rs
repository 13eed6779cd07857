//! The engine on small templates of its own.

use serde::Serialize;

use super::engine;
use super::lang::haproxy::HAPROXY;
use super::lang::nginx::{self, NGINX};
use super::{Page, Part, Tok, emit, marks};
use crate::diag::Report;
use crate::source::Loc;

#[derive(Serialize)]
struct Plan {
    user: String,
    tok: Tok,
    at: Loc,
    list: Vec<Tok>,
    none: Option<Loc>,
}

fn plan_of(user: &str) -> Plan {
    Plan {
        user: user.to_owned(),
        tok: nginx::text(user),
        at: Loc(7),
        list: vec![Tok::fixed("$host"), Tok::number(3)],
        none: None,
    }
}

fn plan(user: &str) -> tera::Context {
    tera::Context::from_serialize(&plan_of(user)).expect("a struct")
}

fn render(lang: &'static super::Lang, template: &'static str, user: &str) -> marks::Unmarked {
    let tera = engine::build(lang, [("any", template)]).expect("compiles");
    let text = tera.render("any", &plan(user)).expect("renders");
    marks::read(&text, "#", None)
}

#[test]
fn a_plain_string_is_escaped_and_a_token_is_not_escaped_again() {
    let got = render(&NGINX, "{{ user }} {{ tok }};{{ at | at }}\n", "a\"; b $x");
    assert_eq!(got.text, "\"a\\\"; b $x\" \"a\\\"; b ${wg_d}x\";\n");
    assert_eq!(got.lines, [Some(Loc(7))]);
    let got = render(&HAPROXY, "{{ user }} {{ user | fmt }}", "it's 5%");
    assert_eq!(got.text, "'it'\\''s 5%' 'it'\\''s 5%%'");
    let got = render(
        &NGINX,
        "{% for l in list %} {{ l }}{% endfor %}{{ none | at }}",
        "",
    );
    assert_eq!(got.text, " $host 3");
}

#[test]
fn an_unfit_string_is_refused_at_the_origin_of_its_line() {
    let got = render(
        &NGINX,
        "x {{ user }};{{ at | at }}\n# {{ user | remark }}\n",
        "a\nb",
    );
    assert_eq!(got.text, "x ;\n# a b\n");
    assert_eq!(got.refused[0].at, Loc(7));
    assert_eq!(
        got.refused[0].why,
        "a line break (U+000A) cannot be written in an NGINX configuration"
    );
}

#[test]
fn safe_and_unknown_filters_and_names_fail() {
    let tera = engine::build(&NGINX, [("any", "{{ user | safe }}")]).expect("compiles");
    assert!(tera.render("any", &plan("x")).is_err());
    assert!(engine::build(&NGINX, [("any", "{{ user | fmt }}")]).is_err());
    let tera = engine::build(&NGINX, [("any", "{{ usr }}")]).expect("compiles");
    assert!(tera.render("any", &plan("x")).is_err());
}

#[test]
fn a_token_of_parts_is_escaped_whole() {
    use Part::{Name, Number, Regex, Static, Text, Word};
    let tok = |parts: &[Part<'_>]| nginx::token(parts).as_str().to_owned();
    assert_eq!(tok(&[Static("weight="), Number(3)]), "weight=3");
    assert_eq!(
        tok(&[Static("$request_method|"), Text("a$b")]),
        "\"$request_method|a${wg_d}b\""
    );
    assert_eq!(
        tok(&[Static("~^"), Regex("a.b"), Static("$")]),
        "\"~^a\\\\.b$\""
    );
    assert_eq!(tok(&[Static("route="), Word("a;b")]), "\"route=a;b\"");
    assert_eq!(tok(&[Static("http://"), Name("u_chat")]), "http://u_chat");
    let refused = nginx::token(&[Static("http://"), Name("u;chat")]).at(Loc(9));
    let read = marks::read(refused.as_str(), "#", None);
    assert_eq!(read.refused[0].at, Loc(9));
    assert_eq!(read.text, "");
}

#[test]
fn a_template_that_is_not_there_is_a_report_and_no_panic() {
    let mut report = Report::default();
    let page = Page::new("x", "none/at-all", &NGINX, &plan_of("x"));
    assert_eq!(emit(vec![page], None, &mut report), []);
    assert_eq!(report.diags[0].code, "emit::template");
}

#[test]
fn a_source_map_names_the_lines_that_have_an_origin() {
    let place = |at: Loc| format!("chat.yaml:{}", at.0);
    let map = super::source_map("a/caddy.json".as_ref(), &[None, Some(Loc(4)), None], &place);
    assert_eq!(map.path, std::path::Path::new("a/caddy.json.map"));
    assert_eq!(map.text, "2  chat.yaml:4\n");
    assert_eq!(map.lines, [None]);
}
