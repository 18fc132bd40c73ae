//! What the data plane decides of a packet, and what it counts: kernel, host build and oracle agree.

mod acceptance;
mod broken_tables;
mod buffers;
mod counters;
mod criteria;
mod essentials_live;
mod kernel_oracle;
mod parsing;
mod reasons;
mod scale;
mod sets;
