//! How a test runs the `wsgen` binary and what it may say about the outcome.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::scratch::Scratch;

/// One call of `wsgen` in a directory of its own. The environment is empty but for `PATH`, so that nothing on the
/// machine colours the output.
pub(crate) struct Cli {
    scratch: Scratch,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<Vec<u8>>,
}

/// What one call did. The assertions return `self`, to be chained; each failure shows everything.
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The directory that the call ran in, with what it wrote.
    pub(crate) scratch: Scratch,
}

impl Cli {
    /// `Cli::new("render spec.yaml --target nginx")`: arguments without spaces in them; [`Cli::arg`] takes the others.
    pub(crate) fn new(args: &str) -> Cli {
        let args = args.split_whitespace().map(str::to_owned).collect();
        Cli {
            scratch: Scratch::new("cli"),
            args,
            env: Vec::new(),
            stdin: None,
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Cli {
        self.args.push(arg.into());
        self
    }

    /// Further arguments without spaces in them.
    pub(crate) fn args(mut self, args: &str) -> Cli {
        self.args.extend(args.split_whitespace().map(str::to_owned));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Cli {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, text: impl AsRef<[u8]>) -> Cli {
        self.stdin = Some(text.as_ref().to_vec());
        self
    }

    /// Writes a file into the directory; a common indentation of all lines is taken off.
    pub(crate) fn file(self, name: &str, text: &str) -> Cli {
        self.scratch.write(name, unindent(text));
        self
    }

    /// Writes a file byte for byte.
    pub(crate) fn bytes(self, name: &str, bytes: &[u8]) -> Cli {
        self.scratch.write(name, bytes);
        self
    }

    pub(crate) fn run(self) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsgen"));
        command.args(&self.args).current_dir(self.scratch.path());
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.env);
        let piped = if self.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        command
            .stdin(piped)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary under test starts");
        // From a thread: a child that prints much before it reads all must not wait for us.
        let writer = child.stdin.take().zip(self.stdin).map(|(mut pipe, text)| {
            std::thread::spawn(move || {
                let _ = pipe.write_all(&text);
            })
        });
        let output = child
            .wait_with_output()
            .expect("the binary under test ends");
        if let Some(writer) = writer {
            writer.join().expect("the writer does not panic");
        }
        Done {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            scratch: self.scratch,
        }
    }
}

impl Done {
    #[track_caller]
    pub(crate) fn status(self, status: i32) -> Done {
        let holds = self.status == status;
        self.hold(holds, &format!("status {status}"))
    }

    /// The whole of standard output, byte for byte after [`unindent`].
    #[track_caller]
    pub(crate) fn stdout(self, text: &str) -> Done {
        let text = unindent(text);
        let holds = self.stdout == text;
        self.hold(holds, &format!("stdout to be\n{text}"))
    }

    /// The whole of standard error, byte for byte after [`unindent`].
    #[track_caller]
    pub(crate) fn stderr(self, text: &str) -> Done {
        let text = unindent(text);
        let holds = self.stderr == text;
        self.hold(holds, &format!("stderr to be\n{text}"))
    }

    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Done {
        let holds = self.stdout.contains(text);
        self.hold(holds, &format!("stdout to have `{text}`"))
    }

    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Done {
        let holds = self.stderr.contains(text);
        self.hold(holds, &format!("stderr to have `{text}`"))
    }

    /// A file that the call wrote, as text.
    #[track_caller]
    pub(crate) fn file(&self, name: &str) -> String {
        self.scratch.read(name)
    }

    #[track_caller]
    fn hold(self, holds: bool, wanted: &str) -> Done {
        assert!(
            holds,
            "expected {wanted}\n--- status {}\n--- stdout\n{}\n--- stderr\n{}",
            self.status, self.stdout, self.stderr
        );
        self
    }
}

/// Takes off the indentation that all lines share, and one leading line end: tests indent their files with their code.
pub(crate) fn unindent(text: &str) -> String {
    let text = text.strip_prefix('\n').unwrap_or(text);
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let shared = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    let mut out: String = text
        .split_inclusive('\n')
        .map(|line| line.get(shared..).unwrap_or("\n"))
        .collect();
    // The last line of an indented literal holds only the indentation of its closing quote.
    if out.ends_with('\n')
        || out
            .rsplit('\n')
            .next()
            .is_some_and(|last| !last.trim().is_empty())
    {
        return out;
    }
    out.truncate(out.rfind('\n').map_or(0, |at| at + 1));
    out
}

#[test]
fn the_binary_runs_where_it_is_told() {
    let done = Cli::new("--help")
        .file(
            "a/spec.yaml",
            "\n        one: 1\n          two: 2\n        ",
        )
        .run()
        .status(0)
        .stderr("");
    assert_eq!(done.file("a/spec.yaml"), "one: 1\n  two: 2\n");
}
