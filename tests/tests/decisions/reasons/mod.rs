//! Every reason but a rule: by name, under every policy that has a say, and counted once.

mod big_tcp;
mod counted;
mod delivered;
mod malformed;
mod non_ip;
mod tiny_fragments;
