//! Fields as they are on the wire (<https://protobuf.dev/programming-guides/encoding/>).

use super::Malformed;

/// What a field holds, as far as the wire tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl Raw<'_> {
    /// The number that the wire has for it.
    pub(super) fn wire_type(&self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32 => 5,
        }
    }
}

/// The fields of a message, in the order in which they were written.
pub(super) struct Wire<'a> {
    rest: &'a [u8],
}

impl<'a> Wire<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and content; `None` at the end. Groups, which Kubernetes never writes, are skipped.
    pub(super) fn field(&mut self) -> Result<Option<(u64, Raw<'a>)>, Malformed> {
        let mut groups = 0_usize;
        while !self.rest.is_empty() {
            let tag = self.varint()?;
            let wire_type = (tag & 7) as u8;
            let number = tag >> 3;
            if number == 0 {
                return Err(Malformed::Tag(number, wire_type));
            }
            let raw = match wire_type {
                0 => Raw::Varint(self.varint()?),
                1 => Raw::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Overflow)?;
                    Raw::Bytes(self.take(length)?)
                }
                3 => {
                    groups += 1;
                    continue;
                }
                4 => {
                    groups = groups.checked_sub(1).ok_or(Malformed::Group)?;
                    continue;
                }
                5 => {
                    self.array::<4>()?;
                    Raw::Fixed32
                }
                other => return Err(Malformed::WireType(other)),
            };
            if groups == 0 {
                return Ok(Some((number, raw)));
            }
        }
        if groups == 0 { Ok(None) } else { Err(Malformed::End) }
    }

    /// The next number; `None` at the end. For numbers that are packed in one field.
    pub(super) fn packed(&mut self) -> Result<Option<u64>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.varint().map(Some) }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(Malformed::End)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Overflow)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::End)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::End)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Raw<'_>)>, Malformed> {
        let mut wire = Wire::new(bytes);
        let mut all = Vec::new();
        while let Some(field) = wire.field()? {
            all.push(field);
        }
        Ok(all)
    }

    #[test]
    fn fields_come_in_their_order() {
        let bytes = [8, 0x96, 1, 0x12, 2, 7, 8, 0x1d, 1, 2, 3, 4, 0x21, 1, 0, 0, 0, 0, 0, 0, 0];
        let expected =
            [(1, Raw::Varint(150)), (2, Raw::Bytes(&[7, 8])), (3, Raw::Fixed32), (4, Raw::Fixed64(1))];
        assert_eq!(fields(&bytes).unwrap(), expected);
    }

    #[test]
    fn groups_are_skipped_with_what_is_in_them() {
        let bytes = [0x0b, 0x13, 8, 1, 0x14, 0x0c, 8, 2];
        assert_eq!(fields(&bytes).unwrap(), [(1, Raw::Varint(2))]);
        assert_eq!(fields(&[0x0b]), Err(Malformed::End));
        assert_eq!(fields(&[0x0c]), Err(Malformed::Group));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        assert_eq!(fields(&[8]), Err(Malformed::End));
        assert_eq!(fields(&[8, 0x80]), Err(Malformed::End));
        assert_eq!(fields(&[0x12, 3, 1, 2]), Err(Malformed::End));
        assert_eq!(fields(&[0x1d, 1]), Err(Malformed::End));
        assert_eq!(
            fields(&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            Err(Malformed::Overflow)
        );
        let longest = [0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert_eq!(fields(&longest), Err(Malformed::End));
        assert_eq!(fields(&[0]), Err(Malformed::Tag(0, 0)));
        assert_eq!(fields(&[0x0e]), Err(Malformed::WireType(6)));
    }
}
