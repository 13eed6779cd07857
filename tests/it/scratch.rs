//! A directory of a test's own, gone when the test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh directory under the system's temporary one; removed with everything in it on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// `label` only helps a person who looks at the directory.
    pub(crate) fn new(label: &str) -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("wsgen-{label}-{}-{number}", std::process::id()));
        // A process with the same id may have been killed before it could clean up.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary directory can be written");
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes one file, making the directories above it; returns its absolute path.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        let parent = path.parent().expect("a file in the directory has a parent");
        std::fs::create_dir_all(parent).expect("the temporary directory can be written");
        std::fs::write(&path, text).expect("the temporary directory can be written");
        path
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
            .current_dir(self.0.join(folder))
            .output()
            .expect("git starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {said}");
    }

    /// Reads a file of the directory as text.
    pub(crate) fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.0.join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
