//! What needs no kernel: the host build of the policy core, the packet notation, the fuzz corpus.

mod fuzz_corpus;
mod packet_notation;
mod why_not;
