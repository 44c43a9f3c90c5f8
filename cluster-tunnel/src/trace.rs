//! Traces: which piece of somebody's work a dial belongs to, said as the
//! [W3C's trace context](https://www.w3.org/TR/trace-context/) has it.

use std::{fmt, num::ParseIntError, str::FromStr};

use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt as _, TraceState},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header by which clients of front ends say it.
pub(crate) const HEADER: &str = "traceparent";

/// A `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace, never 0.
    pub trace: u128,
    /// The span within it that asks, never 0.
    pub parent: u64,
    /// Bit 0: the trace is recorded.
    pub flags: u8,
}

impl TraceParent {
    /// What names a span to whoever does a part of its work; `None` if this process makes no traces of its spans, by a
    /// layer of `tracing-opentelemetry`.
    pub fn of(span: &Span) -> Option<Self> {
        let context = span.context();
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| Self {
            trace: u128::from_be_bytes(span.trace_id().to_bytes()),
            parent: u64::from_be_bytes(span.span_id().to_bytes()),
            flags: span.trace_flags().to_u8(),
        })
    }

    /// Makes a span that has just begun a part of this, if this process makes traces of its spans.
    fn adopt(self, span: &Span) {
        let Self { trace, parent, flags } = self;
        let (trace, parent) = (TraceId::from(trace), SpanId::from(parent));
        let parent = SpanContext::new(trace, parent, TraceFlags::new(flags), true, TraceState::default());
        // What is in the way of it is that there are no traces.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// Makes a span that has just begun a part of what its asker named, notes it in the field `traceparent`, and gives what
/// to name to who does a part of the work in it.
pub(crate) fn enter(span: &Span, asker: Option<TraceParent>) -> Option<TraceParent> {
    if let Some(asker) = asker {
        asker.adopt(span);
    }
    let own = TraceParent::of(span).or(asker);
    if let Some(own) = own {
        span.record("traceparent", tracing::field::display(own));
    }
    own
}

/// Says in a trace that what a span stands for has failed; the span has a field `otel.status_code`.
pub(crate) fn fail(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no traceparent: write 00-, 32 hexadecimal digits, -, 16 digits, -, 2 digits")]
pub struct InvalidTraceParent;

impl From<ParseIntError> for InvalidTraceParent {
    fn from(_: ParseIntError) -> Self {
        Self
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, parent, flags } = self;
        write!(formatter, "00-{trace:032x}-{parent:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// Of a later version, the four parts that this one has count.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let is_hex = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let parts: Vec<&str> = text.split('-').collect();
        let &[version, trace, parent, flags, ref more @ ..] = parts.as_slice() else {
            return Err(InvalidTraceParent);
        };
        let lengths = [version, trace, parent, flags].map(str::len);
        let is_version = version != "ff" && (version != "00" || more.is_empty());
        if lengths != [2, 32, 16, 2]
            || !is_version
            || ![version, trace, parent, flags].into_iter().all(is_hex)
        {
            return Err(InvalidTraceParent);
        }
        let (trace, parent) = (u128::from_str_radix(trace, 16)?, u64::from_str_radix(parent, 16)?);
        if trace == 0 || parent == 0 {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace, parent, flags: u8::from_str_radix(flags, 16)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_it_was_written() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read: TraceParent = text.parse().unwrap();
        assert_eq!((read.trace >> 120, read.parent & 0xff, read.flags), (0x4b, 0xb7, 1));
        assert_eq!(read.to_string(), text);
        assert_eq!(text.replacen("00-", "01-", 1).parse::<TraceParent>(), Ok(read));
        assert!(format!("01{}-later", &text[2..]).parse::<TraceParent>().is_ok());
    }

    #[test]
    fn anything_else_is_none() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for wrong in [
            String::new(),
            text.replace('f', "F"),
            text.replacen("00-", "ff-", 1),
            format!("{text}-more"),
            text.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            text.replace("00f067aa0ba902b7", &"0".repeat(16)),
            text.replace("-01", "-+1"),
        ] {
            assert!(wrong.parse::<TraceParent>().is_err(), "{wrong}");
        }
    }
}
