//! Clients over Unix sockets that name the socket's path as the authority.
//!
//! grpc-go takes what it dials for the authority, with its slashes written as `%2F`, and a host's name may have no `%`
//! (RFC 9110, section 4.2.2; `http::uri::Authority`). So the HTTP/2 library resets such streams before anybody here sees
//! them. The authority says nothing on a Unix socket; here it is replaced by another before the library reads it.
//!
//! A field that is replaced by a shorter one leaves HPACK's tables as they should be: entries are counted from the
//! newest, and the reader, for whom the entry is smaller, only forgets later than the writer believes.

use std::{
    io,
    ops::Range,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use crate::inward::{Filter, Inward};

/// What every HTTP/2 connection of a client begins with.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
/// A frame's length, type, flags and stream.
const HEAD: usize = 9;
/// The longest frame that is looked into. Heads of requests are far shorter.
const LONGEST: usize = 16 << 10;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// What an authority becomes: short, so that it is never longer than what it replaces.
const UNIX: &[u8] = b"unix";

/// The server's end of a Unix socket, on which requests have an authority that is a host's name.
pub(crate) fn replaced<S>(stream: S) -> Inward<S, Authority> {
    Inward { stream, filter: Authority::new() }
}

/// Replaces the authority in what comes in.
pub(crate) struct Authority {
    /// What was read and is not given on yet.
    read: BytesMut,
    /// How much of it can be given on.
    ready: usize,
    /// How much of what comes next is none of a head: the preface, or the rest of a frame.
    plain: usize,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self { read: BytesMut::new(), ready: 0, plain: PREFACE }
    }

    /// Finds how much can be given on.
    fn advance(&mut self) {
        loop {
            let more = self.plain.min(self.read.len() - self.ready);
            self.ready += more;
            self.plain -= more;
            let Some(&[a, b, c, kind, flags, ..]) = self.read[self.ready..].get(..HEAD) else { return };
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if kind != HEADERS || length > LONGEST {
                self.plain = HEAD + length;
                continue;
            }
            let begin = self.ready + HEAD;
            let Some(payload) = self.read.get(begin..begin + length) else { return };
            if let Some(value) = authority(payload, flags) {
                self.replace(begin + value.start..begin + value.end, length);
            } else {
                self.plain = HEAD + length;
            }
        }
    }

    /// Replaces a value, its length before it included, in the frame that begins at `ready`.
    fn replace(&mut self, value: Range<usize>, length: usize) {
        let tail = self.read.split_off(value.end);
        self.read.truncate(value.start);
        self.read.extend_from_slice(&[UNIX.len().to_le_bytes()[0]]);
        self.read.extend_from_slice(UNIX);
        self.read.unsplit(tail);
        let length = length - value.len() + UNIX.len() + 1;
        self.read[self.ready..self.ready + 3]
            .copy_from_slice(&length.to_be_bytes()[size_of::<usize>() - 3..]);
        self.plain = HEAD + length;
    }
}

/// Where the value of a field `:authority` is that is written out, with its length before it. Fields that are given
/// by their number in a table were written out before.
fn authority(payload: &[u8], flags: u8) -> Option<Range<usize>> {
    let padding = flags & PADDED != 0;
    let mut at = usize::from(padding) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let end = payload.len().checked_sub(if padding { usize::from(*payload.first()?) } else { 0 })?;
    let block = payload.get(..end)?;
    while at < block.len() {
        let first = block[at];
        // How a field is written, and how many bits of its first byte are the number of its name.
        let (bits, has_value) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            // The size of the table.
            0x20.. => (5, false),
            _ => (4, true),
        };
        let (name, after) = number(block, at, bits)?;
        at = after;
        if !has_value {
            continue;
        }
        if name == 0 {
            let (length, after) = number(block, at, 7)?;
            at = after.checked_add(length)?;
        }
        let (length, after) = number(block, at, 7)?;
        let value = at..after.checked_add(length)?;
        at = value.end;
        // Number 1 of the static table. What has no room for the other is left.
        if name == 1 && value.len() > UNIX.len() && at <= block.len() {
            return Some(value);
        }
    }
    None
}

/// A number of HPACK (RFC 7541, section 5.1) and where it ends.
fn number(block: &[u8], at: usize, bits: u32) -> Option<(usize, usize)> {
    let most = (1_usize << bits) - 1;
    let mut number = usize::from(*block.get(at)?) & most;
    let mut at = at + 1;
    if number < most {
        return Some((number, at));
    }
    for shift in [0, 7, 14] {
        let byte = usize::from(*block.get(at)?);
        number += (byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    None
}

impl Filter for Authority {
    fn poll_read(
        &mut self,
        mut stream: Pin<&mut (impl AsyncRead + Unpin)>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.ready == 0 {
            self.read.reserve(LONGEST);
            let read = ready!(tokio_util::io::poll_read_buf(stream.as_mut(), context, &mut self.read))?;
            if read == 0 {
                // What is left is no whole head; whoever reads it says so.
                self.ready = self.read.len();
                break;
            }
            self.advance();
        }
        let count = self.ready.min(buffer.remaining());
        buffer.put_slice(&self.read[..count]);
        self.read.advance(count);
        self.ready -= count;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    /// A head as grpc-go writes it: POST, http, a path, and the authority as a literal that goes into the table.
    fn head(authority: &str) -> Vec<u8> {
        let mut block = vec![0x83, 0x86, 0x44, 4];
        block.extend_from_slice(b"/A/B");
        block.push(0x41);
        block.push(u8::try_from(authority.len()).unwrap());
        block.extend_from_slice(authority.as_bytes());
        // A name that is written out.
        block.extend_from_slice(b"\x40\x02te\x08trailers");
        block
    }

    fn pass(bytes: &[u8], pieces: usize) -> Vec<u8> {
        let mut stream = Authority::new();
        let mut passed = Vec::new();
        for piece in bytes.chunks(pieces) {
            stream.read.extend_from_slice(piece);
            stream.advance();
            passed.extend_from_slice(&stream.read[..stream.ready]);
            stream.read.advance(stream.ready);
            stream.ready = 0;
        }
        passed.extend_from_slice(&stream.read);
        passed
    }

    proptest! {
        #[test]
        fn an_authority_is_replaced_however_the_bytes_are_cut(pieces in 1_usize..80) {
            let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            let other = [frame(4, 0, b"settings"), frame(0, 0, b"\x41\x05hello")].concat();
            let with = |authority| [preface.clone(), other.clone(), frame(HEADERS, 4, &head(authority)), other.clone()];
            let passed = pass(&with("%2Ftmp%2Fclients.sock").concat(), pieces);
            prop_assert_eq!(passed, with("unix").concat());
        }

        #[test]
        fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..400), pieces in 1_usize..80) {
            let begin = [&[0; PREFACE][..], &frame(HEADERS, 0x28, &bytes)].concat();
            let passed = pass(&begin, pieces);
            prop_assert!(passed.len() <= begin.len());
        }
    }

    #[test]
    fn padding_and_priority_are_passed_over() {
        let padded = [&[2, 0, 0, 0, 0, 9][..], &head("%2Fsocket"), &[0, 0]].concat();
        let found = authority(&padded, PADDED | PRIORITY).unwrap();
        assert_eq!(&padded[found], b"\x09%2Fsocket");
        assert_eq!(authority(&head("ab"), 0), None, "there is no room");
    }
}
