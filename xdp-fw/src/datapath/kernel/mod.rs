//! What is asked of the kernel beside aya, and what the running one has.

pub(in crate::datapath) mod features;
pub(in crate::datapath) mod mapping;
pub(in crate::datapath) mod sys;
