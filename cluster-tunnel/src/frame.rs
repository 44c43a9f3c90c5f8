//! One packet of the protocol as a value that cannot be half there.

use bytes::Bytes;

use crate::TraceParent;
use crate::wire::{
    CloseDial, CloseRequest, CloseResponse, Data, DialRequest, DialResponse, Drain, HalfClose, Load, Packet,
    PacketType, Servers, Window, packet::Payload,
};

/// A tunnel on one stream of an agent, as the agent numbered it: 1 and up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectId(pub i64);

/// A packet of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// To the agent: connect to this address.
    DialRequest {
        /// Names the dial until it is answered.
        random: i64,
        /// `host:port`.
        address: String,
        /// What the dial belongs to, if somebody follows it.
        trace: Option<TraceParent>,
    },
    /// From the agent: how a dial went.
    DialResponse {
        /// The dial.
        random: i64,
        /// The tunnel's number, or why there is none.
        outcome: Result<ConnectId, String>,
    },
    /// To the agent: a dial that is not answered is given up.
    DialCancel {
        /// The dial.
        random: i64,
    },
    /// To the agent: close the tunnel.
    CloseRequest {
        /// The tunnel.
        id: ConnectId,
    },
    /// From the agent: the tunnel is closed, because it was asked for or by itself.
    CloseResponse {
        /// The tunnel.
        id: ConnectId,
        /// Why; empty for an end in good order.
        error: String,
    },
    /// Bytes of a tunnel.
    Data {
        /// The tunnel.
        id: ConnectId,
        /// Its next bytes in this direction.
        bytes: Bytes,
    },
    /// From the agent: it takes no new dials.
    Drain,
    /// So many bytes of the tunnel were read. Only between ends that agreed on it.
    Window {
        /// The tunnel.
        id: ConnectId,
        /// How many.
        bytes: u64,
    },
    /// No more bytes of the tunnel in this direction. Only between ends that agreed on it.
    HalfClose {
        /// The tunnel.
        id: ConnectId,
    },
    /// From the agent: how many tunnels it has over all servers. Only between ends that agreed on it.
    Load {
        /// How many.
        tunnels: u64,
    },
    /// To the agent: how many servers there are now. Only between ends that agreed on it.
    Servers {
        /// How many.
        count: u64,
    },
}

/// Why a packet is none of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// A type that is not known: of a later protocol, perhaps.
    #[error("packet type {0} is not known")]
    UnknownType(i32),
    /// The payload is not the one that the type says.
    #[error("a packet of type {} has another payload or none", .0.as_str_name())]
    Payload(PacketType),
    /// A dial succeeded and has no number.
    #[error("a dial response has neither an error nor a connectID of 1 or more")]
    NoConnectId,
    /// A number that counts something is below zero.
    #[error("a count of a packet of type {} is negative", .0.as_str_name())]
    Negative(PacketType),
}

impl Frame {
    /// The tunnel that the frame belongs to; `None` for what is about dials or the stream.
    pub fn tunnel(&self) -> Option<ConnectId> {
        match self {
            Self::CloseRequest { id }
            | Self::CloseResponse { id, .. }
            | Self::Data { id, .. }
            | Self::Window { id, .. }
            | Self::HalfClose { id } => Some(*id),
            Self::DialRequest { .. }
            | Self::DialResponse { .. }
            | Self::DialCancel { .. }
            | Self::Drain
            | Self::Load { .. }
            | Self::Servers { .. } => None,
        }
    }
}

impl TryFrom<Packet> for Frame {
    type Error = Malformed;

    fn try_from(packet: Packet) -> Result<Self, Malformed> {
        let kind = PacketType::try_from(packet.r#type).map_err(|_| Malformed::UnknownType(packet.r#type))?;
        let count = |number: i64| u64::try_from(number).map_err(|_| Malformed::Negative(kind));
        Ok(match (kind, packet.payload) {
            (PacketType::DialReq, Some(Payload::DialRequest(dial))) => {
                // One that cannot be read is nobody's.
                let trace = dial.traceparent.parse().ok();
                Self::DialRequest { random: dial.random, address: dial.address, trace }
            }
            (PacketType::DialRsp, Some(Payload::DialResponse(answer))) => {
                let outcome = match (answer.error.is_empty(), answer.connect_id) {
                    (false, _) => Err(answer.error),
                    (true, id @ 1..) => Ok(ConnectId(id)),
                    (true, _) => return Err(Malformed::NoConnectId),
                };
                Self::DialResponse { random: answer.random, outcome }
            }
            (PacketType::DialCls, Some(Payload::CloseDial(dial))) => Self::DialCancel { random: dial.random },
            (PacketType::CloseReq, Some(Payload::CloseRequest(close))) => {
                Self::CloseRequest { id: ConnectId(close.connect_id) }
            }
            (PacketType::CloseRsp, Some(Payload::CloseResponse(close))) => {
                Self::CloseResponse { id: ConnectId(close.connect_id), error: close.error }
            }
            (PacketType::Data, Some(Payload::Data(data))) => {
                Self::Data { id: ConnectId(data.connect_id), bytes: data.data }
            }
            // Some senders leave the empty message out.
            (PacketType::Drain, Some(Payload::Drain(_)) | None) => Self::Drain,
            (PacketType::Window, Some(Payload::Window(window))) => {
                Self::Window { id: ConnectId(window.connect_id), bytes: count(window.bytes)? }
            }
            (PacketType::HalfClose, Some(Payload::HalfClose(close))) => {
                Self::HalfClose { id: ConnectId(close.connect_id) }
            }
            (PacketType::Load, Some(Payload::Load(load))) => Self::Load { tunnels: count(load.tunnels)? },
            (PacketType::Servers, Some(Payload::Servers(servers))) => {
                Self::Servers { count: count(servers.count)? }
            }
            (kind, _) => return Err(Malformed::Payload(kind)),
        })
    }
}

impl From<Frame> for Packet {
    fn from(frame: Frame) -> Self {
        // What a number cannot say is as good as "very many".
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let (kind, payload) = match frame {
            Frame::DialRequest { random, address, trace } => {
                let traceparent = trace.map(|trace| trace.to_string()).unwrap_or_default();
                let dial = DialRequest { protocol: "tcp".to_owned(), address, random, traceparent };
                (PacketType::DialReq, Payload::DialRequest(dial))
            }
            Frame::DialResponse { random, outcome } => {
                let (connect_id, error) = match outcome {
                    Ok(ConnectId(id)) => (id, String::new()),
                    Err(error) => (0, error),
                };
                (PacketType::DialRsp, Payload::DialResponse(DialResponse { error, connect_id, random }))
            }
            Frame::DialCancel { random } => (PacketType::DialCls, Payload::CloseDial(CloseDial { random })),
            Frame::CloseRequest { id: ConnectId(connect_id) } => {
                (PacketType::CloseReq, Payload::CloseRequest(CloseRequest { connect_id }))
            }
            Frame::CloseResponse { id: ConnectId(connect_id), error } => {
                (PacketType::CloseRsp, Payload::CloseResponse(CloseResponse { error, connect_id }))
            }
            Frame::Data { id: ConnectId(connect_id), bytes } => {
                (PacketType::Data, Payload::Data(Data { connect_id, error: String::new(), data: bytes }))
            }
            Frame::Drain => (PacketType::Drain, Payload::Drain(Drain {})),
            Frame::Window { id: ConnectId(connect_id), bytes } => {
                (PacketType::Window, Payload::Window(Window { connect_id, bytes: number(bytes) }))
            }
            Frame::HalfClose { id: ConnectId(connect_id) } => {
                (PacketType::HalfClose, Payload::HalfClose(HalfClose { connect_id }))
            }
            Frame::Load { tunnels } => (PacketType::Load, Payload::Load(Load { tunnels: number(tunnels) })),
            Frame::Servers { count } => {
                (PacketType::Servers, Payload::Servers(Servers { count: number(count) }))
            }
        };
        Self { r#type: kind.into(), payload: Some(payload) }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn a_dials_type_is_absent_on_the_wire_and_read_as_a_dial() {
        let frame = Frame::DialRequest { random: 7, address: "10.0.0.1:443".to_owned(), trace: None };
        let bytes = Packet::from(frame.clone()).encode_to_vec();
        // Field 2, length-delimited: nothing comes before the payload.
        assert_eq!(bytes[0], 2 << 3 | 2);
        assert_eq!(Frame::try_from(Packet::decode(bytes.as_slice()).unwrap()), Ok(frame));
    }

    #[test]
    fn the_type_decides_and_a_payload_of_another_type_is_malformed() {
        let mut packet = Packet::from(Frame::Drain);
        packet.r#type = PacketType::Data.into();
        assert_eq!(Frame::try_from(packet), Err(Malformed::Payload(PacketType::Data)));
        let packet = Packet { r#type: 99, payload: None };
        assert_eq!(Frame::try_from(packet), Err(Malformed::UnknownType(99)));
        let answer = DialResponse { error: String::new(), connect_id: 0, random: 1 };
        let packet =
            Packet { r#type: PacketType::DialRsp.into(), payload: Some(Payload::DialResponse(answer)) };
        assert_eq!(Frame::try_from(packet), Err(Malformed::NoConnectId));
    }
}
