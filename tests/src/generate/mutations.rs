//! Damage: what a broken NIC or an attacker does to a frame.
//!
//! Owns changes to bytes. Knows no protocol, but that headers are at the front.

use proptest::prelude::*;
use proptest::sample::Index;

/// Most headers end before this offset; changes behind it are wasted.
const HEADERS: usize = 96;

/// One change to a frame.
#[derive(Debug, Clone)]
pub enum Mutation {
    /// One bit of a header turns over.
    FlipBit(Index, u8),
    /// One byte of a header becomes another: a length of 0, of 255, of anything.
    SetByte(Index, u8),
    /// The rest is lost.
    Truncate(Index),
    /// Bytes follow that no header counts.
    Extend(u8, u8),
    /// A part of the frame comes twice.
    Repeat(Index, u8),
}

impl Arbitrary for Mutation {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let edge = prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()];
        prop_oneof![
            4 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Self::FlipBit(at, bit)),
            3 => (any::<Index>(), edge).prop_map(|(at, value)| Self::SetByte(at, value)),
            2 => any::<Index>().prop_map(Self::Truncate),
            1 => (1..40_u8, any::<u8>()).prop_map(|(count, fill)| Self::Extend(count, fill)),
            1 => (any::<Index>(), 1..40_u8).prop_map(|(at, count)| Self::Repeat(at, count)),
        ]
        .boxed()
    }
}

/// The frame after these changes.
pub fn mutated(mut frame: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        mutation.apply(&mut frame);
    }
    frame
}

impl Mutation {
    fn apply(&self, frame: &mut Vec<u8>) {
        let headers = frame.len().min(HEADERS);
        if headers == 0 {
            return;
        }
        match self {
            Self::FlipBit(at, bit) => {
                if let Some(byte) = frame.get_mut(at.index(headers)) {
                    *byte ^= 1 << bit;
                }
            }
            Self::SetByte(at, value) => {
                if let Some(byte) = frame.get_mut(at.index(headers)) {
                    *byte = *value;
                }
            }
            Self::Truncate(at) => frame.truncate(at.index(headers)),
            Self::Extend(count, fill) => {
                frame.resize(frame.len() + usize::from(*count), *fill);
            }
            Self::Repeat(at, count) => {
                let at = at.index(headers);
                let end = frame.len().min(at + usize::from(*count));
                let again = frame.get(at..end).unwrap_or_default().to_vec();
                frame.splice(at..at, again);
            }
        }
    }
}
