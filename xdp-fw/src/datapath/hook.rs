//! Where a filter meets packets.
//!
//! Owns the list of hooks, and the entry points of each by their names in the object. Where a hook's
//! filter is committed, [`super::shared`] knows; where its links are pinned, [`super::pins`].
//! `docs/adr/0031` says what another hook adds.

/// A place in the kernel where programs see packets of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Frames that come in by an interface, before the stack has them.
    XdpIngress,
}

/// The entry points of the object at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryPoint {
    Root,
    Filter,
    /// For policies over addresses, protocol and ports alone.
    BasicFilter,
    /// For those of them whose rows are words.
    SingleWordFilter,
    Probe,
}

impl Hook {
    /// Every hook.
    pub const ALL: [Self; 1] = [Self::XdpIngress];

    /// The name of an entry point in the object: that for frames of several buffers if the kernel
    /// has them. Root and filter must agree in this, or the kernel refuses the tail call.
    pub(super) const fn program_name(self, entry: EntryPoint, frags: bool) -> &'static str {
        match (self, entry, frags) {
            (Self::XdpIngress, EntryPoint::Root, false) => "root",
            (Self::XdpIngress, EntryPoint::Root, true) => "root_frags",
            (Self::XdpIngress, EntryPoint::Filter, false) => "filter",
            (Self::XdpIngress, EntryPoint::Filter, true) => "filter_frags",
            (Self::XdpIngress, EntryPoint::BasicFilter, false) => "filter_basic",
            (Self::XdpIngress, EntryPoint::BasicFilter, true) => "filter_basic_frags",
            (Self::XdpIngress, EntryPoint::SingleWordFilter, false) => "filter_word",
            (Self::XdpIngress, EntryPoint::SingleWordFilter, true) => "filter_word_frags",
            (Self::XdpIngress, EntryPoint::Probe, false) => "probe",
            (Self::XdpIngress, EntryPoint::Probe, true) => "probe_frags",
        }
    }
}
