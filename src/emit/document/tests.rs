//! What reads documents back finds the same, in every style.

use super::*;
use crate::emit::marks;

fn text(lines: &[Tok]) -> String {
    let lines: Vec<&str> = lines.iter().map(Tok::as_str).collect();
    let read = marks::read(&lines.join("\n"), "#", None);
    assert!(read.refused.is_empty());
    read.text
}

fn sample() -> Map {
    let long = Node::list((0..9).map(|_| Node::word("a rather long word of the program")));
    let servers = Node::list([
        Map::new()
            .put("url", Node::word("http://a"))
            .put("weight", Node::number(3))
            .put("more", long.clone()),
        Map::new().put("url", Node::word("http://b")),
    ]);
    Map::new()
        .remark("why\nso")
        .put("@type", Node::word("no"))
        .put("empty", Map::new())
        .put("servers", servers)
        .put("nested", Node::list([long.clone(), Node::flag(true)]))
        .put(
            "script",
            Node::block(["if x", "", "  then \"y\"", "end"].map(Tok::fixed).to_vec()),
        )
        .put("deep", Map::new().remark("inner").put("long", long))
}

#[test]
fn both_styles_are_read_as_the_same_document() {
    let yaml = text(&sample().document(Style::Yaml));
    let json = text(&sample().document(Style::Json));
    let from_yaml: serde_json::Value =
        serde_yaml::from_str(&yaml).unwrap_or_else(|why| panic!("{yaml}\n{why}"));
    let from_json: serde_json::Value =
        serde_json::from_str(&json).unwrap_or_else(|why| panic!("{json}\n{why}"));
    assert_eq!(from_yaml, from_json, "{yaml}\n{json}");
    assert!(yaml.starts_with("# why so\n\"@type\": \"no\"\nempty: {}\nservers:\n  - url: \"http://a\"\n    weight: 3\n    more:\n      - "), "{yaml}");
}

#[test]
fn lines_keep_their_origins() {
    let map = Map::new()
        .put(
            "one",
            Node::from(Map::new().put("a", Node::number(1).at(Loc(4)))),
        )
        .put(
            "two",
            Node::from(
                Map::new()
                    .put("a", Node::number(1).at(Loc(5)))
                    .put("b", Node::number(2).at(Loc(6))),
            )
            .at(Loc(3)),
        )
        .put(
            "list",
            Node::list([
                Node::from(Map::new().put("a", Node::number(1).at(Loc(7)))).at(Loc(8)),
                Node::number(1),
            ]),
        );
    for (style, origins) in [
        (
            Style::Yaml,
            vec![Some(4), Some(3), Some(5), Some(6), None, Some(7), None],
        ),
        (
            Style::Json,
            vec![
                Some(4),
                Some(3),
                Some(5),
                Some(6),
                None,
                None,
                Some(8),
                Some(7),
                None,
                None,
                None,
            ],
        ),
    ] {
        let lines: Vec<String> = map
            .lines(style, 0)
            .iter()
            .map(|line| line.as_str().to_owned())
            .collect();
        let read = marks::read(&lines.join("\n"), "", None);
        let found: Vec<Option<u32>> = read.lines.iter().map(|at| at.map(|at| at.0)).collect();
        assert_eq!(found, origins, "{}", read.text);
    }
}

#[test]
fn a_snippet_stands_among_the_entries() {
    let map = Map::new()
        .put("a", Node::number(1))
        .snippet("\"b\": 2,\n\"c\": [3]", Loc::default())
        .put("d", Node::number(4));
    let json = format!("{{{}}}", text(&map.lines(Style::Json, 1)));
    let read: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(read, serde_json::json!({"a": 1, "b": 2, "c": [3], "d": 4}));
}
