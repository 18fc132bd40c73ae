//! What Prometheus would read of a daemon.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use crate::netns::Netns;

/// Where a daemon under test listens; each has a namespace, and so the port, to itself.
pub const LISTEN: &str = "127.0.0.1:9798";

/// Reads `/metrics` of the daemon in `netns`.
pub fn scrape(netns: &Netns) -> String {
    scrape_as(netns, "")
}

/// The same with a header or more, each with its line end.
pub fn scrape_as(netns: &Netns, headers: &str) -> String {
    try_scrape(netns, headers).expect("an answer")
}

/// The same where the daemon may have no seat free: it answers 503, or resets the connection.
pub fn try_scrape(netns: &Netns, headers: &str) -> io::Result<String> {
    netns.within(|| {
        let mut stream = TcpStream::connect(LISTEN)?;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nHost: {LISTEN}\r\nConnection: close\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })
}

/// The value of a sample, named with its labels as in the text.
pub fn sample(text: &str, name: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let Some(value) = line.and_then(|value| value.parse().ok()) else {
        panic!("no {name} in\n{text}");
    };
    value
}
