//! Free ports on loopback.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use crate::{Error, Result};

/// Below what Linux (32768) and macOS (49152) give to outgoing connections, so that a server that is stopped for a
/// while finds its port free when it comes back.
const FIRST: u16 = 16_000;
const LAST: u16 = 32_000;

/// A port that nothing listens on now. Another process may still take it before it is used.
///
/// No two calls in one process give the same port until all have been given once.
pub(crate) fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = LAST - FIRST;
    // Processes that run at once begin at different places, so they seldom meet.
    let begin = u16::try_from(std::process::id().wrapping_mul(131) % u32::from(span)).unwrap_or(0);
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % span;
        let port = FIRST + (begin + step) % span;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::NoPort { first: FIRST, last: LAST })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_a_taken_one_is_passed_over() {
        let first = free_port().unwrap();
        let second = free_port().unwrap();
        assert_ne!(first, second);
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, second + 1)).ok();
        let third = free_port().unwrap();
        assert!(third != second + 1 && (FIRST..LAST).contains(&third));
    }
}
