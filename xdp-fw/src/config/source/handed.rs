//! A configuration that whoever runs a command hands over by descriptor: `check -`, `check <(…)`.
//!
//! Owns which names mean a descriptor. What is in it is trusted as much as who runs the command; the
//! files that it names are not, and the daemon reads no such thing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stream::open_error;
use super::{Disk, FileError, Files, Role, utf8};
use crate::config::meter::Room;
use crate::config::set_file::SetFile;

/// The files of a command that was handed its main file. Relative paths in it begin at the working
/// directory.
#[derive(Debug)]
pub struct Handed {
    descriptor: u32,
    name: PathBuf,
}

impl Handed {
    /// The descriptor that a path means, if it means one of this process.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let descriptor = match path.to_str()? {
            "-" | "/dev/stdin" => 0,
            text => {
                let own = format!("/proc/{}/fd/", std::process::id());
                [
                    "/dev/fd/",
                    "/proc/self/fd/",
                    "/proc/thread-self/fd/",
                    own.as_str(),
                ]
                .iter()
                .find_map(|place| text.strip_prefix(place)?.parse().ok())?
            }
        };
        let name = match descriptor {
            0 => "<stdin>".into(),
            _ => format!("<fd {descriptor}>").into(),
        };
        Some(Self { descriptor, name })
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    fn text(&self) -> Result<String, FileError> {
        let bound = Role::Main.bound();
        let bytes = match self.descriptor {
            0 => read_at_most(io::stdin().lock(), bound),
            descriptor => read_at_most(open(descriptor)?, bound),
        };
        let bytes = bytes.map_err(open_error)?;
        if bytes.len() as u64 > bound {
            return Err(FileError::Endless { bound });
        }
        utf8(bytes)
    }
}

fn read_at_most(from: impl Read, bound: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(bound.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens what a descriptor is open on. Only what is a file or a pipe is read from its beginning, or at all.
fn open(descriptor: u32) -> Result<File, FileError> {
    let path = format!("/proc/self/fd/{descriptor}");
    let kind = match std::fs::metadata(&path) {
        Ok(meta) => meta.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FileError::Descriptor { descriptor });
        }
        Err(error) => return Err(open_error(error)),
    };
    if !kind.is_file() && !kind.is_fifo() {
        return Err(FileError::NotAFile("neither a file nor a pipe"));
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOCTTY)
        .open(path);
    file.map_err(open_error)
}

impl Files for Handed {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        if path == self.name {
            return self.text();
        }
        Disk.read(path, role)
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        Disk.set(path, room)
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Disk.glob(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_descriptors_are_told_from_files() {
        let name = |path: &str| Handed::of(Path::new(path)).map(|it| it.name.display().to_string());
        for path in ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
            assert_eq!(name(path).as_deref(), Some("<stdin>"), "{path}");
        }
        let own = format!("/proc/{}/fd/63", std::process::id());
        for path in ["/dev/fd/63", "/proc/self/fd/63", &own] {
            assert_eq!(name(path).as_deref(), Some("<fd 63>"), "{path}");
        }
        for path in [
            "./-",
            "/dev/fd/",
            "/dev/fd/x",
            "/proc/1/fd/0",
            "/dev/fd/-1",
            "/dev/null",
            "",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_named() {
        let handed = Handed::of(Path::new("/dev/fd/987654")).unwrap();
        let error = handed.read(&handed.name, Role::Main).unwrap_err();
        assert_eq!(
            error.to_string(),
            "descriptor 987654 is not open here (sudo closes it); use a pipe and `check -`"
        );
    }
}
