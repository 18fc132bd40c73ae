//! The heap of the daemon: what a reload needed at its height is the system's again after it.
//!
//! Owns what is asked of the allocator. Other libraries than GNU's are left to themselves.

/// An allocation of so many bytes or more has pages of its own, which go when it goes. By default
/// this grows up to 32 MiB with what was freed, and large tables leave holes in the heap.
#[cfg(target_env = "gnu")]
const OWN_PAGES: libc::c_int = 256 << 10;

/// Sets the allocator up, while there is one thread.
///
/// By default each thread gets a heap of its own, and keeps what a reload needed at its height: five
/// times the memory, on a daemon that does one thing at a time.
pub(crate) fn set_up() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets numbers of the allocator, while there is one thread.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES);
    }
}

/// Gives back what is free, on a thread that may block: nobody waits for it.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    tokio::task::spawn_blocking(|| {
        // SAFETY: takes the allocator's lock as any other call of it.
        unsafe { libc::malloc_trim(0) };
    });
}
