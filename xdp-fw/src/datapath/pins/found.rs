//! What lies at a pin: opened, looked at, and only then called something.
//!
//! Owns the difference between what is foreign and what could not be opened. An error number says
//! nothing of what is there, and nobody is advised to remove it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::datapath::error::Error;
use crate::datapath::kernel::sys::{self, Kind};
use crate::names::shell;

/// What is at a path in the BPF file system.
#[derive(Debug)]
pub(in crate::datapath) enum Found {
    Nothing,
    Map(OwnedFd),
    Program(OwnedFd),
    Link(OwnedFd),
    /// Nothing that is ever pinned, as a clause.
    Foreign(&'static str),
}

impl Found {
    /// What it is, as a clause.
    pub(in crate::datapath) fn describe(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Map(_) => "a map",
            Self::Program(_) => "a program",
            Self::Link(_) => "a link",
            Self::Foreign(what) => what,
        }
    }
}

/// Looks.
///
/// # Errors
/// [`Error::Kernel`] where that is not possible: too many open files, no memory, no right.
pub(in crate::datapath) fn look(path: &Path) -> Result<Found, Error> {
    let refused = |error: &io::Error| Error::kernel(format!("open {}", path.display()), error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(refused(&error)),
    };
    if metadata.is_dir() {
        return Ok(Found::Foreign("a directory"));
    }
    if metadata.is_symlink() {
        return Ok(Found::Foreign("a symbolic link"));
    }
    let object = match sys::object(path) {
        Ok(object) => object,
        // Removed since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(refused(&error)),
    };
    Ok(match sys::kind(&object).map_err(|error| refused(&error))? {
        Kind::Map => Found::Map(object),
        Kind::Program => Found::Program(object),
        Kind::Link => Found::Link(object),
        Kind::Other => Found::Foreign("a BPF object of another kind"),
    })
}

/// The id of the program that is pinned at `path`; `None` if what is there is no program.
pub(in crate::datapath) fn program_id(path: &Path) -> Result<Option<u32>, Error> {
    let Found::Program(program) = look(path)? else {
        return Ok(None);
    };
    let id = sys::program_id(&program);
    id.map(Some)
        .map_err(|error| Error::kernel(format!("read the id of {}", path.display()), &error))
}

/// The command that removes what was looked at and is foreign.
pub(in crate::datapath) fn removal(path: &Path) -> String {
    let command = if path.is_dir() { "rmdir" } else { "rm" };
    format!(
        "`{command} {}`",
        shell::operand(path.as_os_str().as_bytes())
    )
}

/// Whether an error says what is there, and not only that nobody could look.
pub(in crate::datapath) fn is_about_what_is_there(error: &Error) -> bool {
    match error {
        Error::Pin { .. } => true,
        Error::Kernel { errno, .. } => matches!(errno, Some(libc::ENOENT)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_number_says_nothing_of_what_is_there() {
        for errno in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::EPERM,
            libc::EACCES,
            libc::EIO,
            libc::EINTR,
        ] {
            let error = Error::kernel("open x", &io::Error::from_raw_os_error(errno));
            assert!(!is_about_what_is_there(&error), "{errno}");
            assert!(!error.to_string().contains("rm "), "{error}");
        }
    }

    #[test]
    fn a_path_is_quoted_in_the_command_that_removes_it() {
        assert_eq!(removal(Path::new("/a b/$x")), "`rm '/a b/$x'`");
    }
}
