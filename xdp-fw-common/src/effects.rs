//! What a decision does, apart from what it looks up.
//!
//! [`Tables`](crate::Tables) are what a policy *is*: they stay the same for every packet.
//! [`Effects`] are what a packet leaves behind, and the core alone decides when. The filter
//! passes live effects, which write to shared maps; the probe passes [`NoEffects`], a type that
//! knows no map; tests pass a recorder.

use crate::Arrival;

/// What a decision may do besides being made. What takes a token, bans a source, or records a flow
/// or an event is a method of its own here.
pub trait Effects {
    /// Counts a packet under `slot`; false if there is no such slot.
    #[must_use = "a packet that was not counted must be counted elsewhere"]
    fn count(&mut self, slot: u32, arrival: &Arrival) -> bool;
    /// Counts a packet that a shadow rule matched.
    fn count_shadow(&mut self, slot: u32, arrival: &Arrival);
}

/// Decides, and leaves nothing behind.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEffects;

impl Effects for NoEffects {
    #[inline(always)]
    fn count(&mut self, _: u32, _: &Arrival) -> bool {
        true
    }

    #[inline(always)]
    fn count_shadow(&mut self, _: u32, _: &Arrival) {}
}
