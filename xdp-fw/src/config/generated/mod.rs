//! What is written from the field table: the schema for editors and the reference page.
//!
//! Owns both texts and where they lie in the tree. `cargo xtask generate` writes them, and with
//! `--check` proves that they are current.

mod page;
mod schema;

use std::collections::BTreeMap;

pub use page::page;
pub use schema::schema;

/// Each file by its path in the tree.
#[must_use]
pub fn files() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("config/xdp-fw.schema.json", format!("{:#}\n", schema())),
        ("docs/reference/configuration.md", page()),
    ])
}
