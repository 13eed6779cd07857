//! An editor: starts `wsgen lsp`, speaks JSON-RPC to it, and keeps what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::scratch::Scratch;

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// An editor with a folder of its own.
pub(crate) struct Editor {
    pub(crate) scratch: Scratch,
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<Value>,
    /// What came while something else was awaited.
    kept: Vec<Value>,
    next: i64,
}

impl Editor {
    /// Starts the server and shakes hands.
    pub(crate) fn start(args: &[&str]) -> Editor {
        Editor::start_with(args, json!(null))
    }

    /// The same, with options of the editor's.
    pub(crate) fn start_with(args: &[&str], options: Value) -> Editor {
        let mut editor = Editor::raw(args);
        let root = editor.uri("");
        let answer = editor.request(
            "initialize",
            json!({"processId": null, "rootUri": root, "capabilities": {}, "initializationOptions": options}),
        );
        assert_eq!(answer["serverInfo"]["name"], "wsgen", "{answer}");
        editor.notify("initialized", json!({}));
        editor
    }

    /// Starts the server without a word.
    pub(crate) fn raw(args: &[&str]) -> Editor {
        let scratch = Scratch::new("lsp");
        let mut child = Command::new(env!("CARGO_BIN_EXE_wsgen"))
            .arg("lsp")
            .args(args)
            .current_dir(scratch.path())
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wsgen starts");
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it is piped");
        let (sender, said) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = message(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Editor {
            scratch,
            child,
            input,
            said,
            kept: Vec::new(),
            next: 0,
        }
    }

    pub(crate) fn uri(&self, file: &str) -> String {
        format!("file://{}/{file}", self.scratch.path().display())
    }

    /// Bytes as they are.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the server is listened to");
        input.write_all(bytes).expect("the server takes it");
        input.flush().expect("the server takes it");
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// The whole answer to a request.
    pub(crate) fn answer(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.wait(|said| said["id"] == id)
    }

    /// The result of a request that has one.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params);
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].take()
    }

    /// The first message that is meant, of those that came or come.
    #[track_caller]
    pub(crate) fn wait(&mut self, meant: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&meant) {
            return self.kept.remove(at);
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.said.recv_timeout(left).unwrap_or_else(|why| {
                panic!("{why}; the server said only {:?}", self.kept);
            });
            if meant(&message) {
                return message;
            }
            self.kept.push(message);
        }
    }

    /// Whether nothing of the kind came, and nothing comes for a while.
    pub(crate) fn hears_nothing(&mut self, meant: impl Fn(&Value) -> bool) -> bool {
        while let Ok(message) = self.said.recv_timeout(Duration::from_millis(700)) {
            self.kept.push(message);
        }
        !self.kept.iter().any(meant)
    }

    pub(crate) fn open(&mut self, file: &str, text: &str) {
        self.open_as(file, "yaml", text);
    }

    pub(crate) fn open_as(&mut self, file: &str, language: &str, text: &str) {
        let uri = self.uri(file);
        let item = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": item}));
    }

    /// Puts a whole new text in.
    pub(crate) fn retype(&mut self, file: &str, version: i32, text: &str) {
        self.change(file, version, json!([{"text": text}]));
    }

    pub(crate) fn change(&mut self, file: &str, version: i32, changes: Value) {
        let document = json!({"uri": self.uri(file), "version": version});
        self.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": changes}),
        );
    }

    /// What is said of a version of a file.
    #[track_caller]
    pub(crate) fn diagnostics(&mut self, file: &str, version: i32) -> Vec<Value> {
        let uri = self.uri(file);
        let mut said = self.wait(|said| {
            said["method"] == "textDocument/publishDiagnostics"
                && said["params"]["uri"] == uri.as_str()
                && said["params"]["version"] == version
        });
        match said["params"]["diagnostics"].take() {
            Value::Array(diagnostics) => diagnostics,
            other => panic!("no list: {other}"),
        }
    }

    /// Ends as an editor does; the exit status.
    pub(crate) fn end(mut self) -> i32 {
        self.request("shutdown", json!(null));
        self.notify("exit", json!(null));
        self.ended().0
    }

    /// Hangs up.
    pub(crate) fn hang_up(&mut self) {
        self.input = None;
    }

    /// The exit status and what stands on standard error, once the server has ended by itself.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> (i32, String) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(Instant::now() < end, "the server goes on");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut said = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut said).expect("it is UTF-8");
        }
        (status.code().expect("no signal ended it"), said)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(output: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        output.read_line(&mut line).ok()?;
        let line = line.strip_suffix("\r\n")?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().ok();
        }
    }
    let mut body = vec![0; length?];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

/// The codes of diagnostics, in their order.
pub(crate) fn codes(diagnostics: &[Value]) -> Vec<&str> {
    let codes = diagnostics.iter().map(|it| it["code"].as_str());
    codes.map(|code| code.expect("a code")).collect()
}

/// A range as `line:character-line:character`.
pub(crate) fn range(value: &Value) -> String {
    let at = |end: &str| {
        let at = &value["range"][end];
        format!("{}:{}", at["line"], at["character"])
    };
    format!("{}-{}", at("start"), at("end"))
}

/// A text without its mark `‸`, and the position where that stood.
#[track_caller]
pub(crate) fn cursor(text: &str) -> (String, Value) {
    let at = text.find('‸').expect("a mark");
    let before = &text[..at];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let character = before[start..].encode_utf16().count();
    (
        text.replacen('‸', "", 1),
        json!({"line": line, "character": character}),
    )
}

/// A text after edits, applied as an editor does: from the last to the first.
pub(crate) fn applied(text: &str, edits: &Value) -> String {
    let units: Vec<u16> = text.encode_utf16().collect();
    let offset = |at: &Value| {
        let number = |axis: &str| at[axis].as_u64().expect("a number") as usize;
        let mut lines = vec![0];
        lines.extend(
            (0..units.len())
                .filter(|at| units[*at] == 10)
                .map(|at| at + 1),
        );
        lines[number("line")] + number("character")
    };
    let mut edits: Vec<(usize, usize, &str)> = edits
        .as_array()
        .expect("a list of edits")
        .iter()
        .map(|edit| {
            let (start, end) = (&edit["range"]["start"], &edit["range"]["end"]);
            (
                offset(start),
                offset(end),
                edit["newText"].as_str().expect("a text"),
            )
        })
        .collect();
    edits.sort();
    let mut out = units.clone();
    for (start, end, new) in edits.into_iter().rev() {
        out.splice(start..end, new.encode_utf16());
    }
    String::from_utf16(&out).expect("whole characters")
}

impl Editor {
    /// Opens or retypes a text with a mark, and asks for something at the mark. The text, without the mark, and the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, marked: &str, more: Value) -> (String, Value) {
        let (text, position) = cursor(marked);
        self.open("spec.yaml", &text);
        let mut params =
            json!({"textDocument": {"uri": self.uri("spec.yaml")}, "position": position});
        if let (Value::Object(params), Value::Object(more)) = (&mut params, more) {
            params.extend(more);
        }
        let answer = self.answer(method, params);
        (text, answer)
    }
}
