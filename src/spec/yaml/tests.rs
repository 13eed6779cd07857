//! What the loader reads, and every fault that it finds.

use super::*;
use crate::diag::Marks;

fn read(text: &str) -> (Sources, Tree, Report) {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let file = sources.add("x.yaml", text);
    let tree = parse(&sources, file, &mut report);
    (sources, tree, report)
}

fn flat(tree: &Tree, at: Loc) -> String {
    match tree.node(at) {
        Node::Scalar {
            text, plain: true, ..
        } => text.to_owned(),
        Node::Scalar { text, .. } => format!("{text:?}"),
        Node::Seq(items) => {
            let items: Vec<_> = items.iter().map(|item| flat(tree, *item)).collect();
            format!("[{}]", items.join(","))
        }
        Node::Map(pairs) => {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(key, value)| format!("{}:{}", flat(tree, *key), flat(tree, *value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// The whole document on one line; it must be free of faults.
fn document(text: &str) -> String {
    let (_, tree, report) = read(text);
    assert!(report.is_empty(), "{text}: {report:?}");
    flat(&tree, tree.root())
}

/// `line:column code title` of each fault.
fn faults(text: &str) -> Vec<String> {
    let (sources, tree, report) = read(text);
    let marks = Marks::new(Some(&tree), &sources);
    let said = marks.sorted(&report.diags).into_iter().map(|diag| {
        let span = marks.main(diag);
        let (line, column) = sources.line_col(span.file, span.start);
        format!(
            "{line}:{column} {} {}",
            diag.code.trim_start_matches("yaml::"),
            diag.title
        )
    });
    said.collect()
}

#[test]
fn documents() {
    assert_eq!(
        document("a: 1\nb: [x, 'y', \"z\\n\"]\n"),
        "{a:1,b:[x,\"y\",\"z\\n\"]}"
    );
    assert_eq!(document("---\na: 1\n...\n"), "{a:1}");
    assert_eq!(
        document("\u{FEFF}a: 1\r\nb:\r\n  - x\r\n  - y\r\n"),
        "{a:1,b:[x,y]}"
    );
    assert_eq!(
        document("{\"a\": {\"b\": [1, true, null]}}"),
        "{\"a\":{\"b\":[1,true,null]}}"
    );
    assert_eq!(
        document("a: |\n  one\n  two\nb: >\n  x\n  y\n"),
        "{a:\"one\\ntwo\\n\",b:\"x y\\n\"}"
    );
    assert_eq!(document("a:\nb:\n  c:\n"), "{a:,b:{c:}}");
    assert_eq!(
        document("error_pages: {502: x, 500-599: y}"),
        "{error_pages:{502:x,500-599:y}}"
    );
    assert_eq!(document("on: off\nno: yes"), "{on:off,no:yes}");
    assert_eq!(document("a: one\n  two"), "{a:one two}");
    assert_eq!(document("x-any: &a [1]\nb: *a"), "{b:[1]}");
}

#[test]
fn anchors_and_merge_keys() {
    assert_eq!(
        document("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}"),
        "{a:{x:1,y:2},b:{y:3,x:1}}"
    );
    assert_eq!(
        document("x-one: &a {x: 1}\nx-two: &b {x: 2, y: 2}\nc:\n  <<: [*a, *b]\n  z: 3"),
        "{c:{z:3,x:1,y:2}}"
    );
    assert_eq!(document("a: &a 1\nb: &a 2\nc: *a"), "{a:1,b:2,c:2}");
    assert_eq!(faults("a: {<<: 1}"), ["1:9 merge `<<` takes a mapping"]);
    assert_eq!(
        faults("a: *b\nc: *d"),
        [
            "1:4 unknown-anchor no anchor `&b` stands above this alias",
            "2:4 unknown-anchor no anchor `&d` stands above this alias",
        ]
    );
    assert_eq!(
        faults("a: &a [1, *a]"),
        ["1:11 endless-alias `&a` contains itself"]
    );
}

#[test]
fn an_alias_has_its_own_place() {
    let (sources, tree, report) = read("a: &a {x: 5}\nb: *a\nc: {<<: *a}\n");
    assert!(report.is_empty());
    let (first, second) = (
        tree.loc_at("a.x").expect("there"),
        tree.loc_at("b.x").expect("there"),
    );
    assert_ne!(first, second);
    assert_eq!(tree.span(first), tree.span(second));
    assert_eq!(tree.alias_site(first), None);
    assert_eq!(
        tree.alias_site(second).map(|span| sources.slice(span)),
        Some("*a")
    );
    assert_eq!(tree.path(tree.loc_at("c.x").expect("merged")), "c.x");
}

#[test]
fn spans() {
    let (sources, tree, _) = read(
        "top:\n  list:\n    - one\n    - \"two\"   # why\n\n  flow: {a: b}\n  none:\nlast: x y\n",
    );
    let slice = |path: &str| sources.slice(tree.span(tree.loc_at(path).expect(path)));
    assert_eq!(slice("top.list"), "- one\n    - \"two\"");
    assert_eq!(slice("top.list[1]"), "\"two\"");
    assert_eq!(slice("top.flow"), "{a: b}");
    assert_eq!(slice("last"), "x y");
    let none = tree.loc_at("top.none").expect("there");
    assert_eq!(
        sources.line_col(tree.span(none).file, tree.span(none).start),
        (7, 8)
    );
    assert_eq!(
        tree.key_span(none).map(|span| sources.slice(span)),
        Some("none")
    );
    assert_eq!(tree.comments().len(), 1);
}

#[test]
fn every_duplicate_is_found_before_the_syntax_fault() {
    assert_eq!(
        faults("a: 1\nb: {c: 1, c: 2}\na: 2\nd: [1\n"),
        [
            "2:11 duplicate-key the key `c` is written twice",
            "3:1 duplicate-key the key `a` is written twice",
            "4:4 syntax this `[` is never closed",
        ]
    );
}

#[test]
fn refused() {
    assert_eq!(
        faults("a: !x 1"),
        ["1:4 tag a tag has no meaning in a spec"]
    );
    assert_eq!(
        faults("a: !!str 1\nb: !!map {}"),
        [
            "1:4 tag a tag has no meaning in a spec",
            "2:4 tag a tag has no meaning in a spec",
        ]
    );
    assert_eq!(
        faults("a: 1\n---\nb: 2"),
        ["2:1 several-documents a second document starts here"]
    );
    assert_eq!(
        faults("[a]: 1\n? {b: c}\n: 2"),
        [
            "1:1 key a list cannot be a key",
            "2:3 key a mapping cannot be a key",
        ]
    );
    assert_eq!(faults(": 1"), ["1:1 key a key is missing here"]);
    assert_eq!(faults(""), ["1:1 empty x.yaml is empty"]);
    assert_eq!(faults("# only a comment\n"), ["1:1 empty x.yaml is empty"]);
    assert_eq!(
        faults("a: \u{E000}\nb: \"\\uF8FF\"\nc: \"\\0\""),
        [
            "1:4 character the character U+E000 cannot be written in a spec",
            "2:4 character the character U+F8FF cannot be written in a spec",
            "3:4 character the character U+0000 cannot be written in a spec",
        ]
    );
    assert_eq!(
        faults("a: x\0y"),
        ["1:5 character the character U+0000 cannot be written in a spec"]
    );
    assert_eq!(
        faults("a: { port: ${PORT} }"),
        ["1:12 syntax a parameter inside `{…}` or `[…]` needs quotes"]
    );
    assert_eq!(faults("a:\n\tb: 1"), ["2:1 syntax a tab cannot indent"]);
    assert_eq!(
        faults("host: *.example.com"),
        ["1:7 unknown-anchor `*.example.com` needs quotes"]
    );
    assert_eq!(faults("a: b: c"), ["1:5 syntax a `: ` cannot stand here"]);
    assert_eq!(faults("a: \"x"), ["1:4 syntax a quote is never closed"]);
    assert_eq!(
        faults("a: 1\n  b: 2"),
        ["2:4 syntax a `: ` cannot stand here"]
    );
    assert_eq!(
        faults("a: {b: 1, c: 2\nd: 1"),
        ["2:2 syntax a `,` or `}` is missing"]
    );
    assert_eq!(faults("a: {b: 1"), ["1:4 syntax this `{` is never closed"]);
    assert_eq!(
        faults("a: @x"),
        ["1:4 syntax a value cannot start with this character"]
    );
}

#[test]
fn hostile_texts_are_stopped() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let item = format!("*a{}", n - 1);
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![item; 9].join(", ")));
    }
    assert_eq!(
        faults(&bomb),
        ["7:10 too-many-nodes the aliases of this file bring more than 1000000 values"]
    );
    for deep in [
        "[".repeat(20_000),
        "{a: ".repeat(20_000),
        "- ".repeat(20_000),
        "? ".repeat(20_000),
    ] {
        let found = faults(&deep);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("too-deep"), "{found:?}");
    }
    let mut ladder = "a0: &a0 [x]\n".to_owned();
    for n in 1..100 {
        ladder.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    assert_eq!(
        faults(&ladder),
        ["64:12 too-deep lists and mappings stand more than 64 deep in each other"]
    );
}

#[test]
fn comments_allow() {
    let (_, tree, _) = read(concat!(
        "a: 1 # wsgen: allow(one, two) because\n",
        "# wsgen: allow(three) above\n",
        "# wsgen: allow(four)\n",
        "b: 2\n",
        "c: \"# wsgen: allow(five)\"\n",
    ));
    let file = FileId(0);
    assert_eq!(
        tree.allow(file, 1, "two")
            .map(|allow| allow.reason.as_str()),
        Some("because")
    );
    assert_eq!(
        tree.allow(file, 4, "three")
            .map(|allow| allow.reason.as_str()),
        Some("above")
    );
    assert!(tree.allow(file, 4, "four").is_some());
    assert!(tree.allow(file, 2, "three").is_none());
    assert!(tree.allow(file, 5, "five").is_none());
}

#[test]
fn many_comments_are_no_trouble() {
    let text = format!("a:\n{}  b: 1\n", "  # x\n".repeat(5_000));
    assert_eq!(document(&text), "{a:{b:1}}");
}

/// The tree of the quick reader, where it takes the text, and the parser's.
fn both(text: &str) -> Option<[(Tree, Report, Vec<Comment>); 2]> {
    let mut sources = Sources::new();
    let file = sources.add("x.yaml", text);
    let source = sources.get(file);
    let mut found = [Report::new(), Report::new()];
    let [quick, slow] = &mut found;
    let mut loader = Loader::new(source, file, quick);
    if loader.refuse_characters() != Text::Simple || !quick::run(&mut loader) {
        return None;
    }
    let Loader {
        tree: quick_tree,
        comments: quick_comments,
        ..
    } = loader;
    let mut loader = Loader::new(source, file, slow);
    loader.run();
    let Loader {
        tree: slow_tree,
        comments: mut slow_comments,
        ..
    } = loader;
    slow_comments.sort_by_key(|comment| comment.span.start);
    let [quick, slow] = found;
    Some([
        (quick_tree, quick, quick_comments),
        (slow_tree, slow, slow_comments),
    ])
}

#[test]
fn what_the_quick_reader_takes_it_reads_like_the_parser() {
    let pages = [
        include_str!("../../../tests/it/specs/language.md"),
        include_str!("../../../tests/it/specs/shape.md"),
        include_str!("../../../tests/it/specs/syntax.md"),
    ];
    let mut seeds: Vec<String> = pages
        .iter()
        .flat_map(|page| page.split("```yaml\n").skip(1))
        .filter_map(|block| block.split_once("```").map(|(block, _)| block.to_owned()))
        .collect();
    seeds.push("a:\n- b: 1\n  c: [x, {y: z}]\n-  - 1\n   - '2'\n- \"q\": {}\nd :\n  e\nf:\n  - g:\n    - h\n".into());
    let pieces = [
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n- ",
        "- ",
        ": ",
        ":",
        ",",
        "{",
        "}",
        "[",
        "]",
        "'",
        "\"",
        "#",
        " # c",
        "-",
        "a",
        "a: b",
        "\n\n",
        "''",
        "\"\"",
        "?",
        "? ",
        "&a ",
        "*a",
        "|",
        ">",
        "!",
        "%",
        "@",
        "---",
        "...",
        "~",
        "null",
        "<<: ",
        "\t",
        "\\",
        "é",
        "\u{2028}",
        "\u{85}",
        "\u{FEFF}",
        "=",
        "${",
        "x: {a: 1,\n  b: 2}",
        "- - ",
        "::",
        ":a",
        "-a",
        "--",
        "[a]: b",
        "{a}: b",
        "\"a\":b",
    ];
    let mut random = fastrand::Rng::with_seed(3);
    let rounds = std::env::var("WSGEN_FUZZ")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(5_000);
    let mut taken = 0;
    for _ in 0..rounds {
        let mut text = seeds[random.usize(..seeds.len())].clone();
        if random.bool() {
            let lines: Vec<&str> = text.lines().collect();
            let from = random.usize(..lines.len());
            text = lines[from..(from + random.usize(1..12)).min(lines.len())].join("\n");
        }
        for _ in 0..random.usize(0..4) {
            let bounds: Vec<usize> = text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            let from = random.usize(..bounds.len());
            let until = (from + random.usize(..3)).min(bounds.len() - 1);
            let piece = if random.u8(..4) == 0 {
                ""
            } else {
                pieces[random.usize(..pieces.len())]
            };
            text.replace_range(bounds[from]..bounds[until], piece);
        }
        if let Some([quick, slow]) = both(&text) {
            taken += 1;
            assert_eq!(flat(&quick.0, Loc(0)), flat(&slow.0, Loc(0)), "\n{text}\n");
            assert!(quick == slow, "\n{text}\n{quick:#?}\n{slow:#?}");
        }
    }
    assert!(taken * 4 > rounds, "only {taken} of {rounds} were taken");
}

#[test]
fn what_stands_before_a_fault_is_found_from_the_root() {
    let (_, tree, report) = read("a: 1\nroutes:\n- name: x\n  host: {h: [1, 2\nb: 3\n");
    assert!(report.has_errors());
    let seen = flat(&tree, tree.root());
    assert!(
        seen.starts_with("{a:1,routes:[{name:x,host:{h:[1"),
        "{seen}"
    );
    let (_, tree, _) = read("routes:\n- name: x\n  path: /x\n  host: h\n  webso\n  log: on\n");
    assert_eq!(
        flat(&tree, tree.root()),
        "{routes:[{name:x,path:/x,host:h}]}"
    );
}
