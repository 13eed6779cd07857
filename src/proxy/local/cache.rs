//! The user's cache folder: files that are written whole or not at all, and that nobody else may read.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A folder of our own.
pub(super) struct Cache {
    folder: PathBuf,
    /// There is no cache folder: this one goes with us.
    passing: bool,
}

impl Cache {
    /// The user's, else one in the system's folder of temporary files.
    ///
    /// # Errors
    /// Neither can be made.
    pub(super) fn open() -> io::Result<Self> {
        let own = own().and_then(|folder| {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .ok()?;
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).ok()?;
            // A read-only file system says so only now.
            let probe = folder.join(unlike("probe"));
            write_new(&probe, "")
                .and_then(|()| fs::remove_file(&probe))
                .ok()?;
            Some(folder)
        });
        if let Some(folder) = own {
            return Ok(Self {
                folder,
                passing: false,
            });
        }
        let folder = std::env::temp_dir().join(unlike("wsgen"));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self {
            folder,
            passing: true,
        })
    }

    /// Whether what is made is gone at the end.
    pub(super) const fn is_passing(&self) -> bool {
        self.passing
    }

    /// Where a file of this name lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What is there of this name.
    pub(super) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Puts a file in place of what is there.
    ///
    /// # Errors
    /// It cannot be written; what was there stays.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        if self.read(name).is_some_and(|known| known == text) {
            return Ok(path);
        }
        let fresh = self.path(&unlike(name));
        let written = write_new(&fresh, text).and_then(|()| fs::rename(&fresh, &path));
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written.map(|()| path)
    }

    /// What is there of this name, else what is made now: of several processes that start together, the first one's.
    ///
    /// # Errors
    /// Nothing can be made, or it cannot be written.
    pub(super) fn first(
        &self,
        name: &str,
        make: impl FnOnce() -> io::Result<String>,
    ) -> io::Result<String> {
        if let Some(text) = self.read(name) {
            return Ok(text);
        }
        let fresh = self.path(&unlike(name));
        write_new(&fresh, &make()?)?;
        let placed = fs::hard_link(&fresh, self.path(name));
        let _ = fs::remove_file(&fresh);
        match placed {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::read_to_string(self.path(name)),
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if self.passing {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Where the user's caches are: XDG's base directories, or macOS' folder.
fn own() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let caches = set("XDG_CACHE_HOME").or_else(|| {
        let below = if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        };
        Some(set("HOME")?.join(below))
    })?;
    Some(caches.join("wsgen"))
}

/// A name that nobody else uses.
fn unlike(name: &str) -> String {
    format!(".{name}.{:016x}", crate::proxy::random::random())
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
