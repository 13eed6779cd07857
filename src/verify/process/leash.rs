//! The shell that ends a program and removes its folder, also where this process can no longer do it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads words from us until our end of its pipe closes: by us, or by the system where this process is itself killed.
/// A killed process takes some time to die, and may write into the folder until then.
const SCRIPT: &str = r#"
folder=$1 group= leader= litter=
while read -r word value; do
    case $word in
        group) group=$value ;;
        leader) leader=$value ;;
        litter) litter=$value ;;
        keep) folder= ;;
        *) kill -s "$word" "$leader" ;;
    esac
done
[ -z "$group" ] || kill -s KILL -- "-$group"
[ -z "$litter" ] || rm -f -- "$litter"
[ -n "$folder" ] || exit 0
tries=0
until rm -rf -- "$folder" || [ $tries -ge 100 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// A shell that passes signals on, and when it is let go kills the whole process group and removes the folder.
#[derive(Debug)]
pub(super) struct Leash {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Leash {
    /// Before the program starts, so that there is no moment without it.
    pub(super) fn hold(folder: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "leash"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            // Ctrl-C is for this process; the shell still has its work to do.
            .process_group(0)
            .spawn()
            .map_err(|why| io::Error::new(why.kind(), format!("sh: {why}")))?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// The process group to end.
    pub(super) fn group(&mut self, group: u32) {
        self.say(&format!("group {group}"));
    }

    /// The process that is sent signals.
    pub(super) fn leader(&mut self, process: u32) {
        self.say(&format!("leader {process}"));
    }

    /// A file outside the folder that goes too.
    pub(super) fn litter(&mut self, path: &Path) {
        self.say(&format!("litter {}", path.display()));
    }

    /// Leaves the folder where it is.
    pub(super) fn keep(&mut self) {
        self.say("keep");
    }

    /// Sends the leader a signal, named without `SIG`.
    pub(super) fn signal(&mut self, name: &str) {
        self.say(name);
    }

    /// Ends the group, and returns when that is done.
    pub(super) fn cut(&mut self) {
        self.pipe = None;
        let _ = self.shell.wait();
    }

    fn say(&mut self, words: &str) {
        if let Some(pipe) = &mut self.pipe {
            let _ = writeln!(pipe, "{words}");
        }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.cut();
    }
}
