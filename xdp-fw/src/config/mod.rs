//! Text to a checked model, with positions for every error.

pub mod defaults;
mod model;
mod problem;
pub mod protocols;
mod source;

pub use model::*;
pub use problem::{Place, Problem, Problems};
pub use source::{Disk, FileError, Files, Role};
