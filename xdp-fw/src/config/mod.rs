//! Text to a checked model.
mod model;
pub use model::*;
