//! The values of an array map in this process's memory, to be written all at once.
//!
//! Owns the mapping, and removes it: what stays mapped counts to this process.

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use bytemuck::Pod;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// Values of type `T`, packed.
pub(in crate::datapath) struct Mapping<T> {
    address: NonNull<c_void>,
    bytes: NonZeroUsize,
    values: PhantomData<T>,
}

impl<T: Pod> Mapping<T> {
    /// Maps the first `length` values of the array, which was made with `BPF_F_MMAPABLE`. Each value of
    /// the array is `value_size` bytes, of which any number of `T` may make up one.
    ///
    /// # Errors
    /// An array of something else than `T`; what the kernel says of one that is smaller, or cannot be
    /// mapped.
    pub(in crate::datapath) fn new(
        array: impl AsFd,
        value_size: usize,
        length: usize,
    ) -> io::Result<Self> {
        if !is_packed::<T>(value_size) {
            return Err(io::Error::other(format!(
                "its values of {value_size} bytes are not made of parts of {} bytes",
                size_of::<T>()
            )));
        }
        let bytes = length
            .checked_mul(size_of::<T>())
            .and_then(NonZeroUsize::new);
        let bytes = bytes.ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no other memory. The
        // kernel refuses more bytes than the array has, up to a page.
        let address = unsafe { mmap(None, bytes, access, MapFlags::MAP_SHARED, array, 0)? };
        Ok(Self {
            address,
            bytes,
            values: PhantomData,
        })
    }

    /// The values. Programs do not see them before the commit.
    pub(in crate::datapath) fn values(&mut self) -> &mut [T] {
        let length = self.bytes.get() / size_of::<T>();
        // SAFETY: that many values are mapped, page-aligned, for as long as `self` is borrowed, and any
        // bits are a `T`. The map is pinned already, where root alone comes: programs that have it are
        // being verified, and run no packet before the commit.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr().cast(), length) }
    }
}

/// Whether values of that size are made of `T`, one behind the other: the kernel pads each value of an
/// array to 8 bytes.
const fn is_packed<T>(value_size: usize) -> bool {
    size_of::<T>() != 0
        && value_size != 0
        && value_size.is_multiple_of(size_of::<T>())
        && value_size.is_multiple_of(8)
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and the borrow of its values has ended.
        let _ = unsafe { munmap(self.address, self.bytes.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_of_another_type_is_not_mapped() {
        assert!(is_packed::<u32>(64) && is_packed::<u64>(8) && is_packed::<[u64; 8]>(64));
        // Too large, not a divisor, padded between values, nothing at all.
        assert!(!is_packed::<[u64; 8]>(8) && !is_packed::<[u64; 3]>(64));
        assert!(!is_packed::<u32>(4) && !is_packed::<u32>(0) && !is_packed::<()>(8));

        let nothing = std::fs::File::open("/dev/null").unwrap();
        let Err(error) = Mapping::<[u64; 3]>::new(&nothing, 64, 1) else {
            panic!("it is mapped");
        };
        insta::assert_snapshot!(error, @"its values of 64 bytes are not made of parts of 24 bytes");
    }
}
