//! Standard error that holds up nobody: where its reader does not read, lines are lost, and counted.
//!
//! Owns when a line is lost. A full pipe would block the daemon's one thread, and with it the deadline of
//! a trial and every command.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::poll::{PollFd, PollFlags, poll};

/// How long a reader that is slow is waited for, once; one that still does not read loses lines.
const PATIENCE_MS: u16 = 200;
/// A pipe that is ready to be written to takes so much at once.
const CHUNK: usize = 4096;

/// Lines lost since the last one that was written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// A writer for each line of the log.
pub(super) fn line() -> Unhurried<'static, io::Stderr> {
    Unhurried {
        to: io::stderr(),
        lost: &LOST,
    }
}

/// Writes what is taken at once, and counts what is not.
pub(super) struct Unhurried<'a, W> {
    to: W,
    lost: &'a AtomicU64,
}

impl<W: Write + AsFd> Unhurried<'_, W> {
    fn is_ready(&self, patience_ms: u16) -> bool {
        let mut polled = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        // What cannot be polled is written to, and says itself what is wrong.
        poll(&mut polled, patience_ms).map_or(true, |ready| ready > 0)
    }
}

impl<W: Write + AsFd> Write for Unhurried<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lost = self.lost.load(Ordering::Relaxed);
        if !self.is_ready(if lost == 0 { PATIENCE_MS } else { 0 }) {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(bytes.len());
        }
        if lost > 0 {
            self.lost.fetch_sub(lost, Ordering::Relaxed);
            let text = format!("{lost} lines of the log are lost: nobody read it\n");
            self.to.write_all(text.as_bytes())?;
            // It may be full again.
            return self.write(bytes);
        }
        self.to.write(bytes.get(..CHUNK).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_blocks_no_writer() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let lost = AtomicU64::new(0);
        let mut log = Unhurried {
            to: File::from(writer),
            lost: &lost,
        };
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..1_000 {
            log.write_all(&line).unwrap();
        }
        let missing = lost.load(Ordering::Relaxed);
        assert!(missing > 0);

        let mut reader = File::from(reader);
        let mut read = vec![0; 60_000];
        reader.read_exact(&mut read).unwrap();
        log.write_all(b"the last\n").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let told = format!("{missing} lines of the log are lost: nobody read it\nthe last\n");
        assert!(rest.ends_with(&told), "{rest}");
    }
}
