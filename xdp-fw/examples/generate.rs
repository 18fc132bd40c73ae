//! Prints the files that are written from the field table, as a JSON object of path and content.
//! `cargo xtask generate` calls it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let files = xdp_fw::config::generated::files();
    println!("{}", serde_json::to_string(&files)?);
    Ok(())
}
