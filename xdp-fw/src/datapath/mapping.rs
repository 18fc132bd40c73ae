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
pub(super) struct Mapping<T> {
    address: NonNull<c_void>,
    bytes: NonZeroUsize,
    values: PhantomData<T>,
}

impl<T: Pod> Mapping<T> {
    /// Maps the first `length` values of the array, which was made with `BPF_F_MMAPABLE`.
    ///
    /// # Errors
    /// What the kernel says of an array that is smaller, or cannot be mapped.
    pub(super) fn new(array: impl AsFd, length: usize) -> io::Result<Self> {
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
    pub(super) fn values(&mut self) -> &mut [T] {
        let length = self.bytes.get() / size_of::<T>();
        // SAFETY: that many values are mapped, page-aligned, for as long as `self` is borrowed, and any
        // bits are a `T`. The map is pinned already, where root alone comes: programs that have it are
        // being verified, and run no packet before the commit.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr().cast(), length) }
    }
}

impl<T> Drop for Mapping<T> {
    fn drop(&mut self) {
        // SAFETY: it was mapped by `new`, and the borrow of its values has ended.
        let _ = unsafe { munmap(self.address, self.bytes.get()) };
    }
}
