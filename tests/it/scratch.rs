//! A directory of a test's own, gone when the test is.

use std::path::{Path, PathBuf};
use std::process::Command;

use wsgen::verify::folder::Folder;

/// A [`Folder`] that must be writable.
pub(crate) struct Scratch(Folder);

impl Scratch {
    /// `label` only helps a person who looks at the directory.
    pub(crate) fn new(label: &str) -> Scratch {
        Scratch(Folder::new(label).expect("the temporary directory can be written"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes one file, making the directories above it; returns its absolute path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.write(name, text);
        path.expect("the temporary directory can be written")
    }

    /// Runs git in a folder of the directory, as somebody; panics where it fails.
    #[track_caller]
    pub(crate) fn git(&self, folder: impl AsRef<Path>, args: &[&str]) {
        let somebody = [
            "user.name=a",
            "user.email=a@example.com",
            "commit.gpgsign=false",
        ];
        let output = Command::new("git")
            .args(somebody.iter().flat_map(|setting| ["-c", setting]))
            .args(args)
            .current_dir(self.path().join(folder))
            .output()
            .expect("git starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
    }

    /// Reads a file of the directory as text.
    pub(crate) fn read(&self, name: &str) -> String {
        self.0.read(name).unwrap_or_else(|why| panic!("{why}"))
    }
}
