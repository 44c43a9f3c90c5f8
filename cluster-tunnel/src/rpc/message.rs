//! Messages in HTTP/2's DATA frames: a flag, a length, a packet. Large payloads are not copied.

use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::{
    Message,
    encoding::{encode_varint, encoded_len_varint},
};

use super::{Code, MESSAGE, Status};
use crate::{
    ConnectId, Frame,
    wire::{Packet, PacketType},
};

/// One byte that says whether the message is compressed, and four that say how long it is.
const PREFIX: usize = 5;
/// Payloads from here on are sent as they are. To copy a smaller one is cheaper than an HTTP/2 frame of its own.
const LARGE: usize = 4 << 10;
/// Payloads below this are copied when they come in, so that a few bytes which are not read do not hold a whole frame.
const SMALL: usize = 2 << 10;

/// What is sent as one HTTP/2 frame: small messages and the head of the last, then its payload.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    head: Bytes,
    payload: Bytes,
}

impl Buf for Segment {
    fn remaining(&self) -> usize {
        self.head.len() + self.payload.len()
    }

    fn chunk(&self) -> &[u8] {
        if self.head.is_empty() { &self.payload } else { &self.head }
    }

    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len());
        self.head.advance(of_head);
        self.payload.advance(count - of_head);
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = [&self.head, &self.payload].into_iter().filter(|part| !part.is_empty());
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }
}

/// Makes segments of frames.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    small: BytesMut,
}

impl Encoder {
    /// Adds a frame. What has to go out before anything is added comes back.
    pub(super) fn push(&mut self, frame: Frame) -> Option<Segment> {
        match frame {
            Frame::Data { id, bytes } if bytes.len() >= LARGE => {
                self.put_data_head(id, bytes.len());
                Some(Segment { head: self.small.split().freeze(), payload: bytes })
            }
            other => {
                let packet = Packet::from(other);
                self.put_prefix(packet.encoded_len());
                // The buffer grows, so there is room.
                packet.encode_raw(&mut self.small);
                None
            }
        }
    }

    /// What was added since the last segment.
    pub(super) fn rest(&mut self) -> Option<Segment> {
        (!self.small.is_empty()).then(|| Segment { head: self.small.split().freeze(), payload: Bytes::new() })
    }

    fn put_prefix(&mut self, length: usize) {
        self.small.put_u8(0);
        self.small.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    /// A packet with data up to where its payload begins.
    fn put_data_head(&mut self, ConnectId(id): ConnectId, payload: usize) {
        // A key is the field's number and its type: 0 for numbers, 2 for bytes and messages.
        const TYPE: u8 = 1 << 3;
        const DATA: u8 = 4 << 3 | 2;
        const ID: u8 = 1 << 3;
        const BYTES: u8 = 3 << 3 | 2;
        let kind = PacketType::Data as u64;
        let (id, payload) = (id.cast_unsigned(), payload as u64);
        let field = |number: u64| 1 + encoded_len_varint(number);
        let data = field(id) + field(payload) + usize::try_from(payload).unwrap_or(usize::MAX);
        self.put_prefix(field(kind) + field(data as u64) + data);
        for (key, number) in [(TYPE, kind), (DATA, data as u64), (ID, id), (BYTES, payload)] {
            self.small.put_u8(key);
            encode_varint(number, &mut self.small);
        }
    }
}

/// Finds packets in what comes. One that came in one piece is not copied.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// What is left of the last piece.
    piece: Bytes,
    /// A message whose end has not come.
    partial: BytesMut,
}

impl Decoder {
    /// Takes the next piece, after [`Decoder::next`] has found nothing more in the last.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.piece = piece;
    }

    /// The next packet; `None` if its end has not come.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Status> {
        if self.partial.is_empty() {
            let whole = self.piece.len() >= PREFIX && self.piece.len() - PREFIX >= length(&self.piece)?;
            if whole {
                let message = self.piece.split_to(PREFIX + length(&self.piece)?);
                return decode(message).map(Some);
            }
        }
        if !self.fill(PREFIX) {
            return Ok(None);
        }
        let end = PREFIX + length(&self.partial)?;
        self.partial.reserve(end - self.partial.len().min(end));
        if !self.fill(end) {
            return Ok(None);
        }
        decode(self.partial.split().freeze()).map(Some)
    }

    /// Whether the message that has begun has so many bytes now.
    fn fill(&mut self, end: usize) -> bool {
        let missing = end.saturating_sub(self.partial.len()).min(self.piece.len());
        self.partial.extend_from_slice(&self.piece.split_to(missing));
        self.partial.len() >= end
    }
}

/// The length that a message's prefix says.
fn length(prefix: &[u8]) -> Result<usize, Status> {
    let mut prefix = &prefix[..PREFIX];
    if prefix.get_u8() != 0 {
        return Err(Status::new(Code::Unimplemented, "compressed messages are not understood"));
    }
    let length = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX);
    if length > MESSAGE {
        let text = format!("a message of {length} bytes is longer than {MESSAGE}");
        return Err(Status::new(Code::ResourceExhausted, text));
    }
    Ok(length)
}

fn decode(mut message: Bytes) -> Result<Packet, Status> {
    message.advance(PREFIX);
    let small = message.len() < SMALL;
    let message = if small { Bytes::copy_from_slice(&message) } else { message };
    Packet::decode(message)
        .map_err(|error| Status::new(Code::InvalidArgument, format!("a message is no packet: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(id: i64, length: usize) -> Frame {
        Frame::Data { id: ConnectId(id), bytes: vec![7; length].into() }
    }

    fn bytes_of(frames: Vec<Frame>) -> Vec<u8> {
        let mut encoder = Encoder::default();
        let mut bytes = Vec::new();
        for frame in frames {
            bytes.extend(encoder.push(frame));
        }
        bytes.extend(encoder.rest());
        let mut all = Vec::new();
        for mut segment in bytes {
            all.put(&mut segment);
        }
        all
    }

    #[test]
    fn a_large_payload_is_written_as_prost_does_and_not_copied() {
        for (id, length) in [(1, LARGE), (300, 65_472), (i64::MAX, 1 << 20)] {
            let packet = Packet::from(data(id, length)).encode_to_vec();
            let written = bytes_of(vec![data(id, length)]);
            assert_eq!(
                written[..PREFIX],
                [&[0][..], &u32::try_from(packet.len()).unwrap().to_be_bytes()].concat()
            );
            assert!(written[PREFIX..] == packet, "{id}, {length}");
        }
        let payload = Bytes::from(vec![7; LARGE]);
        let (begin, mut encoder) = (payload.as_ptr(), Encoder::default());
        let segment = encoder.push(Frame::Data { id: ConnectId(1), bytes: payload }).unwrap();
        assert_eq!(segment.payload.as_ptr(), begin);
        assert!(encoder.rest().is_none());
    }

    #[test]
    fn small_frames_share_a_segment() {
        let mut encoder = Encoder::default();
        assert!(encoder.push(data(1, 10)).is_none() && encoder.push(Frame::Drain).is_none());
        let segment = encoder.push(data(2, LARGE)).unwrap();
        assert!(segment.head.len() > 20 && segment.payload.len() == LARGE);
    }

    #[test]
    fn what_is_compressed_or_too_long_is_refused() {
        for prefix in [[1, 0, 0, 0, 1], [0, 255, 0, 0, 0]] {
            let mut decoder = Decoder::default();
            decoder.push(Bytes::copy_from_slice(&prefix));
            assert!(decoder.next().is_err());
        }
    }

    proptest! {
        #[test]
        fn frames_are_read_as_they_were_written_however_the_bytes_are_cut(
            lengths in prop::collection::vec(prop_oneof![0_usize..50, LARGE - 2..LARGE + 2, 1_usize..40_000], 1..6),
            piece in prop_oneof![1_usize..20, 1_usize..30_000],
        ) {
            let frames: Vec<_> = (1..).zip(lengths).map(|(id, length)| data(id, length)).collect();
            let (mut decoder, mut read) = (Decoder::default(), Vec::new());
            for piece in bytes_of(frames.clone()).chunks(piece) {
                decoder.push(Bytes::copy_from_slice(piece));
                while let Some(packet) = decoder.next().unwrap() {
                    read.push(Frame::try_from(packet).unwrap());
                }
            }
            prop_assert_eq!(read, frames);
        }
    }
}
