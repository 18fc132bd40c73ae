//! Reads of packets, all of them checked: one by one, or at once for the start of a frame.

use aya_ebpf::{EbpfContext as _, helpers, programs::XdpContext};
use bytemuck::Pod;
use xdp_fw_common::{Frame, frame::START};

/// No header that is read begins beyond this: Ethernet, two tags, IPv6 and eight extension
/// headers of 2,048 bytes end below it. The verifier needs a bound on what is added to a packet
/// pointer; an offset past it is a failed read, never a wrapped one.
const OFFSET_MAX: usize = 0x7fff;

/// `data + offset`, for an `offset` that was found to be no more than [`OFFSET_MAX`].
///
/// LLVM may keep the offset on the stack and read it again behind the comparison. The verifiers of
/// 5.10 and 6.1 then know nothing of what was compared. So the bound is given once more, in the very
/// register that is added. The mask never changes anything: what is larger has been refused.
#[inline(always)]
fn bounded(data: usize, offset: usize) -> usize {
    let mut at = offset as u64;
    // SAFETY: arithmetic on registers; no memory, no stack.
    unsafe {
        core::arch::asm!(
            "{at} &= {max}",
            "{at} += {data}",
            at = inout(reg) at,
            data = in(reg) data as u64,
            max = const OFFSET_MAX,
            options(pure, nomem, nostack)
        );
    }
    at as usize
}

/// The header at `at`, wherever it lies.
///
/// LLVM takes it that BPF loads must be aligned, and reads what is not byte by byte: 20 loads and
/// 30 shifts for an IPv4 header. The kernel has no such rule on the machines that we build for.
///
/// # Safety
/// There must be a whole `H` at `at`.
#[inline(always)]
unsafe fn read<H: Pod>(at: usize) -> H {
    const {
        assert!(
            size_of::<H>().is_multiple_of(2),
            "the last byte would stay zero"
        );
    }
    let mut header = H::zeroed();
    let to: *mut u8 = (&raw mut header).cast();
    let mut done = 0;
    // SAFETY: the caller's, and each part lies within `H`, of which every bit pattern is one.
    unsafe {
        while size_of::<H>() - done >= 8 {
            to.add(done).cast::<u64>().write_unaligned(word(at + done));
            done += 8;
        }
        if size_of::<H>() - done >= 4 {
            to.add(done).cast::<u32>().write_unaligned(half(at + done));
            done += 4;
        }
        if size_of::<H>() - done >= 2 {
            to.add(done)
                .cast::<u16>()
                .write_unaligned(quarter(at + done));
        }
    }
    header
}

macro_rules! unaligned_load {
    ($($(#[$doc:meta])* $name:ident: $type:ident = $load:literal;)+) => {
        $($(#[$doc])*
        #[inline(always)]
        unsafe fn $name(at: usize) -> $type {
            let value: u64;
            // SAFETY: reads what the caller says is there; no stack.
            unsafe {
                core::arch::asm!(
                    concat!("{value} = *(", $load, " *)({at} + 0)"),
                    value = lateout(reg) value,
                    at = in(reg) at as u64,
                    options(pure, readonly, nostack)
                );
            }
            value as $type
        })+
    };
}

unaligned_load! {
    /// 8 bytes.
    word: u64 = "u64";
    /// 4 bytes.
    half: u32 = "u32";
    /// 2 bytes.
    quarter: u16 = "u16";
}

/// A frame in the driver; with `FRAGS`, one that may be spread over several buffers.
pub(crate) struct Buffers<'a, const FRAGS: bool>(pub(crate) &'a XdpContext);

impl<const FRAGS: bool> Frame for Buffers<'_, FRAGS> {
    #[inline(always)]
    fn length(&self) -> usize {
        if FRAGS {
            // SAFETY: the context is the one that the kernel handed in.
            unsafe { helpers::generated::bpf_xdp_get_buff_len(self.0.ctx) as usize }
        } else {
            self.0.data_end() - self.0.data()
        }
    }

    #[inline(always)]
    fn load<H: Pod>(&self, offset: usize) -> Option<H> {
        if offset > OFFSET_MAX {
            return None;
        }
        let at = bounded(self.0.data(), offset);
        if at + size_of::<H>() <= self.0.data_end() {
            // SAFETY: the line above proved to the verifier that the header is there.
            return Some(unsafe { read(at) });
        }
        if !FRAGS {
            return None;
        }
        self.load_across(offset)
    }

    #[inline(always)]
    fn start(&self) -> Option<impl Frame> {
        let at = self.0.data();
        (at + START <= self.0.data_end()).then_some(Start(at))
    }
}

/// The start of a frame, which was found to be there.
struct Start(usize);

impl Frame for Start {
    #[inline(always)]
    fn length(&self) -> usize {
        START
    }

    #[inline(always)]
    fn load<H: Pod>(&self, offset: usize) -> Option<H> {
        if offset + size_of::<H>() > START {
            return None;
        }
        // SAFETY: it lies within the start.
        Some(unsafe { read(self.0 + offset) })
    }

    #[inline(always)]
    fn start(&self) -> Option<impl Frame> {
        None::<Self>
    }
}

impl<const FRAGS: bool> Buffers<'_, FRAGS> {
    /// Reads what is not wholly in the first buffer, which may be nearly empty.
    #[inline(always)]
    fn load_across<H: Pod>(&self, offset: usize) -> Option<H> {
        let mut header = H::zeroed();
        // SAFETY: `header` is as long as is said, and any bytes may fill it; the helper checks the offset against all buffers.
        let status = unsafe {
            helpers::generated::bpf_xdp_load_bytes(
                self.0.as_ptr().cast(),
                offset as u32,
                (&raw mut header).cast(),
                size_of::<H>() as u32,
            )
        };
        (status == 0).then_some(header)
    }
}
