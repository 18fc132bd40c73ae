//! A table that lies in a section of the object, and so in a map of its own.
//!
//! What every policy has, or what is small: no map to look up in, but values at addresses that are known
//! when the program is loaded. One section each: before 5.16 the kernel takes the value of such a map in
//! one piece of memory.

use core::cell::UnsafeCell;

use bytemuck::Zeroable;

/// `N` values that user space writes before the program is committed.
#[repr(transparent)]
pub(crate) struct BssArray<T, const N: usize>(UnsafeCell<[T; N]>);

// SAFETY: programs only read it, a copy at a time, and user space writes before any of them runs.
unsafe impl<T: Copy + Sync, const N: usize> Sync for BssArray<T, N> {}

impl<T: Copy + Zeroable, const N: usize> BssArray<T, N> {
    /// As the section holds it.
    pub(crate) const fn zeroed() -> Self {
        // SAFETY: zeros are a value of `T`.
        Self(UnsafeCell::new(unsafe { core::mem::zeroed() }))
    }

    /// Value `index`; `None` beyond the end.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<T> {
        self.get_below(N, index)
    }

    /// Value `index`, if it is one of the first `count`; `None` otherwise.
    #[inline(always)]
    pub(crate) fn get_below(&self, count: usize, index: usize) -> Option<T> {
        if index >= count.min(N) {
            return None;
        }
        let first: *const T = self.0.get().cast();
        // SAFETY: `index` is below `N`. Volatile, since LLVM must not believe the zeros that the section
        // was compiled with.
        Some(unsafe { first.add(index).read_volatile() })
    }
}
