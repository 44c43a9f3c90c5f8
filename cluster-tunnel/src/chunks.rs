//! Pieces of bytes that are written together.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};

/// Pieces of bytes, none of them empty, that are written together.
#[derive(Debug, Default)]
pub(crate) struct Chunks(VecDeque<Bytes>);

impl Chunks {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.0.push_back(chunk);
        }
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    fn chunk(&self) -> &[u8] {
        self.0.front().map_or(&[], |chunk| chunk)
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.0.front_mut() {
            let part = count.min(first.len());
            first.advance(part);
            count -= part;
            if !first.is_empty() {
                return;
            }
            self.0.pop_front();
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.0) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_one_text() {
        let mut chunks = Chunks::default();
        ["ab", "", "c", "def"].into_iter().for_each(|text| chunks.push(Bytes::from_static(text.as_bytes())));
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(chunks.chunks_vectored(&mut slices), 2);
        assert_eq!(&slices[1][..], b"c");
        chunks.advance(4);
        assert_eq!((chunks.remaining(), chunks.chunk()), (2, &b"ef"[..]));
        chunks.advance(2);
        assert!(!chunks.has_remaining() && chunks.chunk().is_empty());
    }
}
