//! What makes commands without an operator: files, links, signals.

pub(in crate::daemon) mod links;
pub(in crate::daemon) mod signals;
pub(in crate::daemon) mod watcher;
