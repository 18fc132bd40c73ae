//! What an operator reads: a folder of bad configurations, each with its rendered problems, and
//! one of good ones. After a change, `INSTA_UPDATE=always cargo test -p xdp-fw` writes the new
//! wording; read it before committing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use xdp_fw::config::{FileError, Files, Loaded, Problems, Role, load};

/// The files below a directory, named from there, whatever their owner and mode in a checkout.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &Path, _: Role) -> Result<String, FileError> {
        let bytes = fs::read(self.0.join(path)).map_err(|_| FileError::Missing)?;
        String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes().split(|&byte| byte == b'\n').count() - 1;
            FileError::NotUtf8 {
                byte: 0xe9,
                line,
                column: 6,
            }
        })
    }
}

fn package(path: &str) -> Folder {
    Folder(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

/// The `.toml` files of a directory in a folder, sorted.
fn configurations(folder: &Folder, directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.0.join(directory)).unwrap();
    let mut names: Vec<PathBuf> = entries
        .map(|entry| Path::new(directory).join(entry.unwrap().file_name()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no configurations in {directory}");
    names
}

/// Compares `rendered` with the snapshot beside the configuration.
fn assert_beside(folder: &Folder, configuration: &Path, rendered: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder.0.join(configuration.parent().unwrap()));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = configuration.file_stem().unwrap().to_str().unwrap();
    settings.bind(|| insta::assert_snapshot!(name, rendered));
}

#[test]
fn each_bad_configuration_says_what_is_wrong() {
    let folder = package("tests/config");
    for path in configurations(&folder, "bad") {
        let problems = load(&path, &folder).expect_err(&path.display().to_string());
        assert_beside(&folder, &path, &problems.to_string());
    }
}

#[test]
fn each_good_configuration_becomes_a_model() {
    let folder = package("tests/config");
    for path in configurations(&folder, "good") {
        let loaded = load(&path, &folder).unwrap_or_else(|problems| panic!("{problems}"));
        let Loaded {
            config,
            warnings,
            files,
        } = loaded;
        let files: Vec<_> = files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect();
        let rendered = format!("{}\n{files:?}\n{config:#?}", Problems(warnings));
        assert_beside(&folder, &path, &rendered);
    }
}
