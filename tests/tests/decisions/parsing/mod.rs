//! What other XDP firewalls get wrong, one fact each: a packet that a rule denies never gets
//! through, in whatever encapsulation. Every frame is judged by the real program in the kernel.

mod essentials;
mod fragments;
mod numbers;
mod order;
mod protocols;
mod sources;
