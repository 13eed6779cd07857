//! The files before the compiler of TypeScript, the parser of node and wrangler.

use std::fmt::Write as _;

use super::{files, module, specs, tool};
use crate::bless::root;
use crate::scratch::Scratch;

/// What editors and `tsc --checkJs` are told: as strict as can be.
const SETTINGS: &str = r#"{
  "compilerOptions": {
    "checkJs": true, "allowJs": true, "noEmit": true, "strict": true, "skipLibCheck": true,
    "target": "esnext", "module": "esnext", "lib": ["esnext"], "moduleDetection": "force",
    "typeRoots": ["TYPES"], "types": ["@cloudflare/workers-types/experimental"]
  },
  "include": ["*.js"]
}
"#;

#[test]
fn every_module_has_sound_types() {
    let Some(mut tsc) = tool("tsc") else { return };
    let folder = Scratch::new("worker-types");
    let packages = root().join("target/programs/node/node_modules");
    std::os::unix::fs::symlink(&packages, folder.path().join("node_modules")).expect("a link");
    for (name, text) in specs() {
        folder.write(&format!("{name}.js"), module(&text));
    }
    let types = packages.to_string_lossy().into_owned();
    folder.write("tsconfig.json", SETTINGS.replace("TYPES", &types));
    let said = tsc.arg("-p").arg(folder.path()).output().expect("tsc runs");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stdout)
    );
    // And it would have said something.
    folder.write("wrong.js", &(module(PLAIN) + "\nread(1);\n"));
    let Some(mut tsc) = tool("tsc") else { return };
    let said = tsc.arg("-p").arg(folder.path()).output().expect("tsc runs");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(
        text.contains("wrong.js") && !said.status.success(),
        "{text}"
    );
}

/// Long lines, as projects have them that have a word in it; JSON for readers that take no comma after the last entry.
const LAYOUT: &str = r#"{ "printWidth": 120, "overrides": [{ "files": "*.jsonc", "options": { "trailingComma": "none" } }] }"#;

/// Parses each argument as an ES module, and runs none.
const PARSE: &str = r#"import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";
for (const path of process.argv.slice(2)) new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
console.log(process.argv.length - 2);
"#;

#[test]
fn every_file_is_laid_out_as_prettier_does_it() {
    let Some(mut prettier) = tool("prettier") else {
        return;
    };
    let folder = Scratch::new("worker-layout");
    folder.write("layout.json", LAYOUT);
    for (name, text) in specs() {
        for (path, text) in files(&text) {
            folder.write(&format!("{name}-{}", path.display()), text);
        }
    }
    let said = prettier
        .args(["--config", "layout.json", "--check", "*.js", "*.jsonc"])
        .current_dir(folder.path())
        .output()
        .expect("prettier runs");
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{text}");
    let all = String::from_utf8_lossy(&said.stdout);
    assert!(all.contains("All matched files"), "{all}");
}

#[test]
fn every_module_is_one_for_node() {
    let Some(_) = tool("prettier") else { return };
    let folder = Scratch::new("worker-syntax");
    folder.write("parse.mjs", PARSE);
    let parse = |names: &[String]| {
        std::process::Command::new("node")
            .args(["--experimental-vm-modules", "parse.mjs"])
            .args(names)
            .current_dir(folder.path())
            .output()
            .expect("node runs")
    };
    let mut names = Vec::new();
    for (name, text) in specs() {
        folder.write(&name, module(&text));
        names.push(name);
    }
    let said = parse(&names);
    let count = String::from_utf8_lossy(&said.stdout);
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    assert_eq!(count.trim(), names.len().to_string());
    // And it would have said something.
    folder.write("wrong", module(PLAIN) + "\nexport default 1;\n");
    assert!(!parse(&["wrong".to_owned()]).status.success());
}

const PLAIN: &str = "wsgen: 1\nupstreams: { app: { servers: ['app.example.com:8080'] } }\nroutes: [{ name: all, host: example.com, upstream: app }]\n";

/// A spec with much of what wrangler reads.
fn deployed() -> String {
    let mut text = String::from(
        "wsgen: 1\nname: Shop-1\nlisteners: { web: { port: 80 } }\nupstreams: { app: { servers: ['app.example.com:8080'] } }\nroutes:\n",
    );
    for (name, limit) in [("a", "10/s"), ("b", "5/min"), ("c", "90/h")] {
        let _ = writeln!(
            text,
            "  - {{ name: {name}, host: [{name}.example.com, '*.{name}.example.com'], upstream: app, limits: {{ requests: {{ rate: {limit} }} }} }}"
        );
    }
    text.push_str("  - { name: members, host: example.com, upstream: app, auth: members }\n");
    text.push_str("auth: { members: { jwt: { keys: { hs256: { env: JWT_SECRET } } } } }\n");
    text.push_str("targets: { worker: { zone: example.com } }\n");
    text
}

#[test]
fn wrangler_takes_the_files_without_a_warning() {
    for text in [PLAIN.to_owned(), deployed()] {
        let Some(mut wrangler) = tool("wrangler") else {
            return;
        };
        let folder = Scratch::new("worker-deploy");
        for (path, text) in files(&text) {
            folder.write(&path.to_string_lossy(), &text);
        }
        let said = wrangler
            .args(["deploy", "--dry-run", "--outdir", "out"])
            .env("WRANGLER_SEND_METRICS", "false")
            .env("WRANGLER_LOG_PATH", folder.path())
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .output()
            .expect("wrangler runs");
        let out = String::from_utf8_lossy(&said.stdout).into_owned()
            + &String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && !out.contains("WARNING"), "{out}");
        assert!(
            text == PLAIN || out.contains("LIMIT_C (1 requests/60s)"),
            "{out}"
        );
    }
}

#[test]
fn a_text_of_a_spec_stays_a_text() {
    let nasty = "\\\"'`${globalThis.hurt=1}</script>*/\\u2028\\u0085//";
    let json = serde_json::to_string(&format!("{nasty}\u{2028}é")).expect("a string");
    let json = json.replace("${", "$${");
    let text = format!(
        "wsgen: 1\nupstreams: {{ app: {{ servers: ['app.example.com:8080'] }} }}\nroutes:\n  - name: all\n    host: example.com\n    upstream: app\n    when: {{ query: {{ v: {json} }} }}\n    response_headers: {{ set: {{ X-A: {{ template: \"{{host}}`$${{{{\\\\\" }} }} }}\n    error_pages: {{ 502: {{ respond: {{ body: {json} }} }} }}\n"
    );
    let module = module(&text);
    let Some(_) = tool("tsc") else { return };
    let folder = Scratch::new("worker-texts");
    let exposed = format!(
        "{}\nexport {{ routes }};\n",
        module.replace("export default {", "const worker = {")
    );
    folder.write("worker.mjs", &exposed);
    folder.write(
        "read.mjs",
        "import { routes } from './worker.mjs';\nconst asked = { host: 'h' };\nconsole.log(JSON.stringify([routes.all.errorPages.pages[0].body, routes.all.when.query[0][1], globalThis.hurt ?? 0, routes.all.responseHeaders[0][2](asked)]));\n",
    );
    let said = std::process::Command::new("node")
        .arg(folder.path().join("read.mjs"))
        .output()
        .expect("node runs");
    let out: serde_json::Value = serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr)));
    let whole = format!("{nasty}\u{2028}é");
    assert_eq!(out[0], whole.as_str());
    assert_eq!(out[1], whole.as_str());
    assert_eq!(out[2], 0);
    assert_eq!(out[3], "h`${\\");
}
