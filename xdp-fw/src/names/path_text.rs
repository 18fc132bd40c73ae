//! Paths in JSON: bytes that are no text are escapes, where serde would give up the whole document.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::interface::InterfaceName;

/// A path as a text; where it is none, with the escapes of [`InterfaceName`].
fn text(path: &Path) -> String {
    path.to_str().map_or_else(
        || InterfaceName::from_bytes(path.as_os_str().as_bytes()).into(),
        str::to_owned,
    )
}

/// Writes a path.
///
/// # Errors
/// The serializer's own.
pub fn path<S: Serializer>(path: impl AsRef<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(path.as_ref()))
}

/// Writes a path, if there is one.
///
/// # Errors
/// The serializer's own.
pub fn optional<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(text).serialize(serializer)
}

/// Writes several paths.
///
/// # Errors
/// The serializer's own.
pub fn list<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    let texts: Vec<String> = paths.iter().map(|path| text(path)).collect();
    texts.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_path_that_is_no_text_is_still_json() {
        #[derive(serde::Serialize)]
        struct Paths {
            #[serde(serialize_with = "path")]
            one: PathBuf,
            #[serde(serialize_with = "optional")]
            none: Option<PathBuf>,
            #[serde(serialize_with = "list")]
            several: Vec<PathBuf>,
        }
        let odd = PathBuf::from(OsStr::from_bytes(b"/a/\xff.txt"));
        let paths = Paths {
            one: odd.clone(),
            none: None,
            several: vec![odd, PathBuf::from("/\u{e2}")],
        };
        assert_eq!(
            serde_json::to_string(&paths).unwrap(),
            r#"{"one":"/a/\\xff.txt","none":null,"several":["/a/\\xff.txt","/â"]}"#
        );
    }
}
