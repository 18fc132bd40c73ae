//! Interfaces that come, go, change or refuse; and the namespaces and devices that tests make.

mod attach;
mod harness;
mod vlan_offload;
