//! The one way to read a packet.
//!
//! Owns the contract of a checked read. It never interprets a byte.

use bytemuck::Pod;

/// A received Ethernet frame.
pub trait Frame {
    /// Length in bytes, over all buffers of the frame.
    fn length(&self) -> usize;

    /// The header at `offset` (bytes from the start of the frame), or `None` where the frame ends
    /// before it does. A failed read is never a wrapped or shortened one.
    ///
    /// Headers are read as structures rather than byte arrays: LLVM keeps an array's bytes in a
    /// register each, and the 512 bytes of a BPF stack do not hold that.
    fn load<H: Pod>(&self, offset: usize) -> Option<H>;

    /// The first [`START`] bytes, if they can be had at once: reads from them need no further check.
    fn start(&self) -> Option<impl Frame>;
}

/// Bytes of [`Frame::start`]: Ethernet, IPv4 without options, ports.
pub const START: usize = 14 + 20 + 4;

impl<F: Frame + ?Sized> Frame for &F {
    #[inline(always)]
    fn length(&self) -> usize {
        (**self).length()
    }

    #[inline(always)]
    fn load<H: Pod>(&self, offset: usize) -> Option<H> {
        (**self).load(offset)
    }

    #[inline(always)]
    fn start(&self) -> Option<impl Frame> {
        (**self).start()
    }
}

impl Frame for [u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn load<H: Pod>(&self, offset: usize) -> Option<H> {
        let bytes = self.get(offset..offset.checked_add(size_of::<H>())?)?;
        Some(bytemuck::pod_read_unaligned(bytes))
    }

    fn start(&self) -> Option<impl Frame> {
        self.first_chunk::<START>().map(<[u8; START]>::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_past_the_end_fails_however_far() {
        let frame: &[u8] = &[1, 2, 3, 4];
        assert_eq!(frame.load::<[u8; 4]>(0), Some([1, 2, 3, 4]));
        assert_eq!(frame.load::<[u8; 1]>(3), Some([4]));
        assert_eq!(frame.load::<[u8; 1]>(4), None);
        assert_eq!(frame.load::<[u8; 2]>(usize::MAX), None);
    }
}
