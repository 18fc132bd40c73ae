//! What counts as an input of the BPF object, and what does not. Run as tests of xtask.

use super::*;

/// A workspace as far as this file looks at it.
fn workspace() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [workspace.dependencies]\naya-ebpf = \"=0.2.1\"\naya = \"=0.14.0\"\n\
             [profile.bpf]\nopt-level = 3\n[profile.release]\nlto = \"thin\"\n",
        ),
        (
            "Cargo.lock",
            "[[package]]\nname = \"aya-ebpf\"\nversion = \"0.2.1\"\nchecksum = \"aa\"\n",
        ),
        (
            "xdp-fw-ebpf/Cargo.toml",
            "[package]\nname = \"xdp-fw-ebpf\"\n[dependencies]\naya-ebpf.workspace = true\n",
        ),
        ("xdp-fw-ebpf/src/main.rs", "fn main() {}"),
        (
            "xdp-fw-common/Cargo.toml",
            "[package]\nname = \"xdp-fw-common\"\n[dependencies]\n\
             aya = { workspace = true, optional = true }\n",
        ),
        ("xdp-fw-common/src/lib.rs", ""),
        ("xdp-fw-common/src/parse/vlan.rs", ""),
    ] {
        put(root.path(), path, text);
    }
    root
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn append(root: &Path, path: &str, text: &str) {
    let before = fs::read_to_string(root.join(path)).unwrap();
    put(root, path, &(before + text));
}

fn replace(root: &Path, path: &str, from: &str, to: &str) {
    let before = fs::read_to_string(root.join(path)).unwrap();
    assert!(before.contains(from));
    put(root, path, &before.replace(from, to));
}

fn inputs(root: &Path) -> Inputs {
    read(root, &["aya-ebpf 0.2.1".to_owned()]).unwrap()
}

/// What a change to the workspace makes different.
fn after(change: impl FnOnce(&Path)) -> Vec<String> {
    let root = workspace();
    let before = inputs(root.path());
    change(root.path());
    let after = inputs(root.path());
    differences(&before, &after)
}

#[test]
fn a_dependency_of_another_crate_changes_nothing() {
    let changes = after(|root| {
        append(
            root,
            "Cargo.lock",
            "[[package]]\nname = \"axum\"\nversion = \"0.8.9\"\n",
        );
        replace(
            root,
            "Cargo.toml",
            "aya = \"=0.14.0\"",
            "aya = \"=0.15.0\"\naxum = \"0.8\"",
        );
    });
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn the_release_profile_comments_and_dev_dependencies_change_nothing() {
    let changes = after(|root| {
        replace(root, "Cargo.toml", "\"thin\"", "\"fat\" # smaller");
        append(
            root,
            "xdp-fw-common/Cargo.toml",
            "[dev-dependencies]\nproptest = \"1\"\n",
        );
        append(
            root,
            "xdp-fw-ebpf/Cargo.toml",
            "[lints]\nworkspace = true\n",
        );
    });
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn test_modules_in_their_own_files_change_nothing() {
    let changes = after(|root| {
        put(
            root,
            "xdp-fw-common/src/parse/tests.rs",
            "#[test] fn it() {}",
        );
        put(
            root,
            "xdp-fw-common/src/tests/vlan.rs",
            "#[test] fn it() {}",
        );
    });
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn a_changed_new_or_lost_source_file_is_named() {
    assert_eq!(
        after(|root| append(root, "xdp-fw-common/src/parse/vlan.rs", "// 802.1Q")),
        ["changed: xdp-fw-common/src/parse/vlan.rs"]
    );
    assert_eq!(
        after(|root| put(root, "xdp-fw-ebpf/src/maps.rs", "")),
        ["new: xdp-fw-ebpf/src/maps.rs"]
    );
    assert_eq!(
        after(|root| fs::remove_file(root.join("xdp-fw-common/src/lib.rs")).unwrap()),
        ["gone: xdp-fw-common/src/lib.rs"]
    );
}

#[test]
fn another_version_of_a_crate_in_the_object_is_named() {
    assert_eq!(
        after(|root| replace(root, "Cargo.lock", "0.2.1", "0.2.2")),
        ["gone: Cargo.lock: aya-ebpf 0.2.1"]
    );
    assert_eq!(
        after(|root| replace(root, "Cargo.lock", "\"aa\"", "\"bb\"")),
        ["changed: Cargo.lock: aya-ebpf 0.2.1"]
    );
}

#[test]
fn manifests_count_where_the_bpf_crate_sees_them() {
    assert_eq!(
        after(|root| replace(root, "Cargo.toml", "opt-level = 3", "opt-level = 2")),
        ["changed: Cargo.toml"]
    );
    assert_eq!(
        after(|root| replace(root, "Cargo.toml", "=0.2.1", "=0.2.2")),
        ["changed: Cargo.toml"]
    );
    assert_eq!(
        after(|root| append(root, "xdp-fw-common/Cargo.toml", "bytemuck = \"1\"\n")),
        ["changed: xdp-fw-common/Cargo.toml"]
    );
}

#[test]
fn key_order_and_layout_of_a_manifest_do_not_count() {
    let digest_of = |text: &str| canonical_digest(&Value::Table(text.parse().unwrap()));
    assert_eq!(
        digest_of("a = { b = 1, c = [1, 2] }"),
        digest_of("# no matter\n[a]\nc = [\n 1,\n 2 ]\nb = 1")
    );
    assert_ne!(digest_of("a = [1, 2]"), digest_of("a = [2, 1]"));
    assert_ne!(digest_of("a = \"1\""), digest_of("a = 1"));
}
