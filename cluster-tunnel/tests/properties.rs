//! What holds for every packet and every sequence of packets.
#![allow(missing_docs, reason = "a test")]

use cluster_tunnel::{
    ConnectId, Frame, TraceParent, fuzz,
    wire::{Packet, PacketType, packet::Payload},
};
use proptest::prelude::*;
use prost::Message;

fn trace() -> impl Strategy<Value = Option<TraceParent>> {
    let trace = |(trace, parent, flags)| TraceParent { trace, parent, flags };
    prop::option::of((1..=u128::MAX, 1..=u64::MAX, any::<u8>()).prop_map(trace))
}

fn frame() -> impl Strategy<Value = Frame> {
    let id = || (0_i64..5).prop_map(ConnectId);
    let random = || 0_i64..5;
    prop_oneof![
        (random(), "[a-z.:0-9]{0,20}", trace()).prop_map(|(random, address, trace)| Frame::DialRequest {
            random,
            address,
            trace
        }),
        Just(Frame::DialRequest { random: 1, address: "127.0.0.1:6443".to_owned(), trace: None }),
        (random(), (1_i64..5).prop_map(ConnectId))
            .prop_map(|(random, id)| Frame::DialResponse { random, outcome: Ok(id) }),
        (random(), "[a-z ]{1,20}")
            .prop_map(|(random, error)| Frame::DialResponse { random, outcome: Err(error) }),
        random().prop_map(|random| Frame::DialCancel { random }),
        id().prop_map(|id| Frame::CloseRequest { id }),
        (id(), "[a-z ]{0,20}").prop_map(|(id, error)| Frame::CloseResponse { id, error }),
        (id(), prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(id, bytes)| Frame::Data { id, bytes: bytes.into() }),
        Just(Frame::Drain),
        (id(), 0..1_u64 << 40).prop_map(|(id, bytes)| Frame::Window { id, bytes }),
        id().prop_map(|id| Frame::HalfClose { id }),
        (0..1_u64 << 40).prop_map(|tunnels| Frame::Load { tunnels }),
        (0..1_u64 << 40).prop_map(|count| Frame::Servers { count }),
    ]
}

fn prefixed(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets.iter().filter(|packet| packet.len() < 256) {
        bytes.push(u8::try_from(packet.len()).expect("it was asked above"));
        bytes.extend_from_slice(packet);
    }
    bytes
}

proptest! {
    #[test]
    fn a_frame_is_read_as_it_was_written(frame in frame()) {
        let packet = Packet::decode(Packet::from(frame.clone()).encode_to_vec().as_slice())?;
        prop_assert_eq!(Frame::try_from(packet), Ok(frame));
    }

    #[test]
    fn no_sequence_of_frames_does_harm(frames in prop::collection::vec(frame(), 0..60)) {
        let packets: Vec<_> = frames.into_iter().map(|frame| Packet::from(frame).encode_to_vec()).collect();
        fuzz::frames(&prefixed(&packets));
    }

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        fuzz::frames(&bytes);
        fuzz::messages(&bytes);
    }

    #[test]
    fn a_payload_of_another_type_is_no_frame(kind in 1_i32..70, id in any::<i64>()) {
        let payload = Payload::CloseRequest(cluster_tunnel::wire::CloseRequest { connect_id: id });
        let frame = Frame::try_from(Packet { r#type: kind, payload: Some(payload) });
        prop_assert_eq!(frame.is_ok(), kind == PacketType::CloseReq as i32);
    }
}
