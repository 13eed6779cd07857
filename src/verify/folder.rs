//! Private folders that are gone when their owner is.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh folder under the system's temporary one that only this user may enter; removed with everything in it on drop.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    /// A new, empty folder; `label` only helps a person who looks at it.
    ///
    /// # Errors
    /// When the temporary folder cannot be written.
    pub fn new(label: &str) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = std::env::temp_dir();
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("wsgen-{label}-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path, kept: false }),
                // Somebody else's, perhaps of a process that had this id before: never ours to enter or to empty.
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(why) => {
                    let why = format!("{} cannot be made: {why}", path.display());
                    return Err(io::Error::other(why));
                }
            }
        }
    }

    /// Where it is: an absolute path wherever the system's temporary folder has one.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets it stay.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// Whether it stays.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Writes one file, makes the folders above it, and returns its path.
    ///
    /// # Errors
    /// The system's own, with the file's path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
        Ok(path)
    }

    /// Like [`Folder::write`], but whoever reads or watches the file, or its folder, sees the old one or the whole new one.
    ///
    /// # Errors
    /// The system's own, with the file's path.
    pub fn replace(&self, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<PathBuf> {
        let fresh = self.write(".fresh/file", bytes)?;
        let path = self.path.join(name);
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::rename(fresh, &path))
            .map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
        Ok(path)
    }

    /// Reads one file; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// The system's own, with the file's path.
    pub fn read(&self, name: &str) -> io::Result<String> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(why) => Err(io::Error::new(
                why.kind(),
                format!("{}: {why}", path.display()),
            )),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
