//! What two ends of this crate agree on beyond the protocol.
//!
//! Each says in the headers of the stream what it can take. Others ignore the header, and then neither end uses it.

/// The name of the header, in requests and in answers.
pub(crate) const HEADER: &str = "cluster-tunnel";

/// What one end can take: windows per tunnel, half-closed tunnels, load reports, and frames of this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// Bytes that may be sent on a new tunnel before the first are read.
    pub window: u32,
    /// The most bytes of payload in one frame.
    pub frame: u32,
}

/// The bounds of what a peer may ask for. Smaller windows would make frames of no size, larger ones are memory.
const WINDOW: std::ops::RangeInclusive<u32> = 4 << 10..=64 << 20;
/// gRPC peers take messages of up to 4 MiB by default, their heads included.
const FRAME: std::ops::RangeInclusive<u32> = 1 << 10..=2 << 20;

impl Default for Extension {
    fn default() -> Self {
        // A window of 1 MiB is 5 MiB/s at a delay of 200 ms.
        Self { window: 1 << 20, frame: 64 << 10 }
    }
}

impl Extension {
    /// The header's value.
    pub fn to_header(self) -> String {
        format!("v=1;window={};frame={}", self.window, self.frame)
    }

    /// Reads a header's value. `None` if it is not understood: the peer is then as one without.
    pub fn from_header(value: &str) -> Option<Self> {
        let (mut version, mut window, mut frame) = (None, None, None);
        for part in value.split(';') {
            let (name, number) = part.trim().split_once('=')?;
            let number: u32 = number.parse().ok()?;
            match name {
                "v" => version = Some(number),
                "window" => window = Some(number),
                "frame" => frame = Some(number),
                // Of a later version, which is to understand this one.
                _ => {}
            }
        }
        if version? < 1 {
            return None;
        }
        let clamp =
            |value: u32, range: std::ops::RangeInclusive<u32>| value.clamp(*range.start(), *range.end());
        Some(Self { window: clamp(window?, WINDOW), frame: clamp(frame?, FRAME) })
    }

    /// The values, brought into the bounds that a peer will read them with.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            window: self.window.clamp(*WINDOW.start(), *WINDOW.end()),
            frame: self.frame.clamp(*FRAME.start(), *FRAME.end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_nonsense_is_no_extension() {
        let extension = Extension::default();
        assert_eq!(Extension::from_header(&extension.to_header()), Some(extension));
        assert_eq!(
            Extension::from_header("v=2;window=8192;frame=1024;more=1"),
            Some(Extension { window: 8192, frame: 1024 })
        );
        let greedy = Extension { window: u32::MAX, frame: 0 };
        assert_eq!(Extension::from_header(&greedy.to_header()), Some(greedy.bounded()));
        for nonsense in ["", "v=1", "v=0;window=1;frame=1", "window=4096;frame=1024", "v=1;window=-1;frame=1"]
        {
            assert_eq!(Extension::from_header(nonsense), None, "{nonsense}");
        }
    }
}
