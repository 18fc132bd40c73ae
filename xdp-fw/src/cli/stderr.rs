//! Standard error that holds up nobody: where its reader does not read, lines are lost, and counted.
//!
//! Owns when a line is lost. A full pipe would block the daemon's one thread, and with it the deadline of
//! a trial and every command.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::poll::{PollFd, PollFlags, poll};
use tracing::Level;

use super::log_line::{Style, line_of};

/// How long a reader that is slow is waited for, once; one that still does not read loses lines.
const PATIENCE_MS: u16 = 200;
/// A pipe that is ready to be written to takes so much at once.
const CHUNK: usize = 4096;

/// Where the log stands, for every thread that writes to it.
static STAND: Mutex<Stand> = Mutex::new(Stand::NEW);

/// What is missing from the log.
struct Stand {
    /// Messages lost since the last one that was written.
    lost: u64,
    /// Whether the last one that was written is cut off in a line.
    is_cut: bool,
}

impl Stand {
    const NEW: Self = Self {
        lost: 0,
        is_cut: false,
    };
}

/// A writer for each message of the log.
pub(super) fn line(style: Style) -> Unhurried<'static, io::Stderr> {
    Unhurried {
        to: io::stderr(),
        style,
        stand: &STAND,
    }
}

/// Writes what is taken at once, and counts what is not.
pub(super) struct Unhurried<'a, W> {
    to: W,
    style: Style,
    stand: &'a Mutex<Stand>,
}

impl<W: Write + AsFd> Unhurried<'_, W> {
    fn is_ready(&self, patience_ms: u16) -> bool {
        let mut polled = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        // What cannot be polled is written to, and says itself what is wrong.
        poll(&mut polled, patience_ms).map_or(true, |ready| ready > 0)
    }

    /// Says how much is missing, on a line of its own.
    fn tell(&mut self, stand: &mut Stand) -> io::Result<()> {
        let text = match stand.lost {
            1 => "1 line of the log is lost: nobody read it".to_owned(),
            lost => format!("{lost} lines of the log are lost: nobody read it"),
        };
        let end = if stand.is_cut { "\n" } else { "" };
        let text = format!("{end}{}", line_of(self.style, Level::WARN, &text));
        self.to.write_all(text.as_bytes())?;
        *stand = Stand::NEW;
        Ok(())
    }
}

impl<W: Write + AsFd> Write for Unhurried<'_, W> {
    /// Takes a whole message, so that no other one gets between its parts.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        let mut stand = lock(self.stand);
        if stand.lost > 0 && self.is_ready(0) {
            self.tell(&mut stand)?;
        }
        for part in message.chunks(CHUNK) {
            // While lines are missing, nothing is written before that is said.
            if stand.lost > 0 || !self.is_ready(PATIENCE_MS) {
                stand.lost += 1;
                break;
            }
            self.to.write_all(part)?;
            stand.is_cut = !part.ends_with(b"\n");
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn lock(stand: &Mutex<Stand>) -> MutexGuard<'_, Stand> {
    stand.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_reads_blocks_no_writer() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let stand = Mutex::new(Stand::NEW);
        let mut log = Unhurried {
            to: File::from(writer),
            style: Style::Journal,
            stand: &stand,
        };
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..1_000 {
            log.write_all(&line).unwrap();
        }
        let missing = lock(&stand).lost;
        assert!(missing > 0);

        let mut reader = File::from(reader);
        let mut read = vec![0; 60_000];
        reader.read_exact(&mut read).unwrap();
        log.write_all(b"the last\n").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let told = format!("\n<4>{missing} lines of the log are lost: nobody read it\nthe last\n");
        assert!(rest.ends_with(&told), "{rest}");
    }

    #[test]
    fn a_line_that_is_cut_off_is_ended_first() {
        let (reader, writer) = nix::unistd::pipe().unwrap();
        let stand = Mutex::new(Stand::NEW);
        let mut log = Unhurried {
            to: File::from(writer),
            style: Style::Journal,
            stand: &stand,
        };
        // More than a pipe holds, as one message.
        log.write_all(&[&[b'x'; 200_000][..], b"\n"].concat())
            .unwrap();
        assert_eq!(lock(&stand).lost, 1);

        let mut reader = File::from(reader);
        reader.read_exact(&mut [0; 20_000]).unwrap();
        log.write_all(b"<6>the last\n").unwrap();
        drop(log);
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let told = "x\n<4>1 line of the log is lost: nobody read it\n<6>the last\n";
        assert!(rest.ends_with(told), "{}", rest.trim_start_matches('x'));
    }
}
