//! Writes the results for people: `docs/benchmarks.md`, its pictures, and the figures.
//!
//! - `page`: the text and its tables
//! - `goals`: the goals of the project and their measurements
//! - `curves`: the figures of each picture
//! - `chart`: a picture

mod chart;
mod curves;
mod goals;
mod page;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::results::Results;

/// Writes all files below `docs`, with the parts that are measured.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(results: &Results, docs: &Path) -> Result<()> {
    let pictures = docs.join("benchmarks");
    fs::create_dir_all(&pictures).with_context(|| format!("cannot make {}", pictures.display()))?;
    let mut drawn = Vec::new();
    for (name, picture) in curves::pictures(results) {
        save(&pictures.join(name).with_extension("svg"), &picture)?;
        drawn.push(name);
    }
    save(&docs.join("benchmarks.md"), &page::text(results, &drawn)?)?;
    save(
        &docs.join("benchmarks.json"),
        &lines(&serde_json::to_value(results)?),
    )
}

fn save(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}: written", path.display());
    Ok(())
}

/// JSON with a line for each result, so that two runs can be compared line by line.
fn lines(value: &serde_json::Value) -> String {
    /// Objects above this depth have a line per member: the parts and their members.
    const DEPTH: usize = 3;
    let mut text = String::new();
    write_value(&mut text, value, 0, DEPTH);
    text.push('\n');
    text
}

fn write_value(text: &mut String, value: &serde_json::Value, depth: usize, deepest: usize) {
    use serde_json::Value;
    let indent = "  ".repeat(depth + 1);
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(fields) if depth < deepest => fields
            .iter()
            .map(|(key, value)| (format!("{indent}{}: ", Value::from(key.as_str())), value))
            .collect(),
        Value::Array(values) if values.iter().any(Value::is_object) => {
            let entry = |value| (indent.clone(), value);
            values.iter().map(entry).collect()
        }
        other => {
            text.push_str(&other.to_string());
            return;
        }
    };
    let (open, close) = if value.is_array() {
        ('[', ']')
    } else {
        ('{', '}')
    };
    text.push(open);
    for (number, (before, value)) in entries.into_iter().enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        text.push_str(&before);
        // An entry of a list stays on its line.
        let below = if open == '[' { deepest } else { depth + 1 };
        write_value(text, value, below, deepest);
    }
    text.push('\n');
    text.push_str(&"  ".repeat(depth));
    text.push(close);
}
