//! Single decisions of a cluster's core.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::*;
use crate::Extension;

/// A core and the time that its events happen at.
struct Bench {
    core: ClusterCore,
    now: Instant,
}

const ONE: LinkId = LinkId(1);
const TWO: LinkId = LinkId(2);

impl Bench {
    fn new() -> Self {
        let settings = CoreSettings { unread: 10, queued: 10, tunnels: 3, ..CoreSettings::default() };
        Self { core: ClusterCore::new(settings), now: Instant::now() }
    }

    fn handle(&mut self, event: ClusterEvent) -> Vec<ClusterAction> {
        self.core.handle(event, self.now)
    }

    fn link(&mut self, link: LinkId, extension: Option<Extension>) {
        assert_eq!(self.handle(ClusterEvent::LinkOpened { link, extension }), []);
    }

    fn received(&mut self, link: LinkId, frame: Frame) -> Vec<ClusterAction> {
        self.handle(ClusterEvent::Received { link, frame })
    }

    /// Dials and answers the link that was asked.
    fn dial(&mut self, tunnel: u64) -> Vec<LinkId> {
        let address = "api:443".to_owned();
        let actions = self.handle(ClusterEvent::Dial { tunnel: TunnelId(tunnel), address, trace: None });
        actions.iter().filter_map(dialled).collect()
    }

    fn open(&mut self, tunnel: u64, id: i64) -> LinkId {
        let link = self.dial(tunnel)[0];
        let outcome = Ok(ConnectId(id));
        let actions = self.received(link, Frame::DialResponse { random: tunnel.cast_signed(), outcome });
        assert!(matches!(actions[..], [ClusterAction::Opened { .. }]), "{actions:?}");
        link
    }

    fn data(&mut self, link: LinkId, id: i64, bytes: &'static [u8]) -> Vec<ClusterAction> {
        self.received(link, Frame::Data { id: ConnectId(id), bytes: Bytes::from_static(bytes) })
    }
}

fn dialled(action: &ClusterAction) -> Option<LinkId> {
    match action {
        ClusterAction::Send { link, frame: Frame::DialRequest { .. } } => Some(*link),
        _ => None,
    }
}

fn closed(tunnel: u64, reason: Reason) -> ClusterAction {
    ClusterAction::Closed { tunnel: TunnelId(tunnel), reason }
}

fn close_request(link: LinkId, id: i64) -> ClusterAction {
    ClusterAction::Send { link, frame: Frame::CloseRequest { id: ConnectId(id) } }
}

fn refusal(tunnel: u64) -> Frame {
    Frame::DialResponse { random: tunnel.cast_signed(), outcome: Err("no route".to_owned()) }
}

#[test]
fn without_an_agent_a_dial_fails_at_once() {
    let mut bench = Bench::new();
    let dial = ClusterEvent::Dial { tunnel: TunnelId(1), address: "api:443".to_owned(), trace: None };
    assert_eq!(bench.handle(dial), [closed(1, Reason::NoAgent)]);
    assert!(bench.core.is_empty());
}

#[test]
fn a_lost_agents_dials_go_to_another_at_once_and_its_tunnels_end() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    assert_eq!(bench.open(1, 1), ONE);
    assert_eq!(bench.dial(2), [ONE]);
    bench.link(TWO, None);
    let actions = bench.handle(ClusterEvent::LinkClosed { link: ONE });
    assert_eq!(actions.iter().filter_map(dialled).collect::<Vec<_>>(), [TWO]);
    assert!(actions.contains(&closed(1, Reason::LinkLost)), "{actions:?}");
    let actions = bench.handle(ClusterEvent::LinkClosed { link: TWO });
    assert_eq!(actions, [closed(2, Reason::NoAgent)]);
    assert!(bench.core.is_empty());
}

#[test]
fn the_least_loaded_healthy_agent_is_asked_and_a_draining_one_last() {
    let mut bench = Bench::new();
    bench.link(ONE, Some(Extension::default()));
    bench.link(TWO, Some(Extension::default()));
    assert_eq!((bench.open(1, 1), bench.open(2, 1)), (ONE, TWO), "equals take turns");
    bench.received(ONE, Frame::Load { tunnels: 50 });
    assert_eq!(bench.dial(3), [TWO], "the other has much to do elsewhere");
    bench.received(TWO, refusal(3));
    assert_eq!(bench.dial(4), [ONE], "dials of the other fail");
    bench.received(ONE, refusal(4));
    bench.received(ONE, Frame::Drain);
    assert_eq!(bench.dial(5), [TWO], "one that drains is the last resort");
    bench.handle(ClusterEvent::LinkClosed { link: TWO });
    let state = bench.core.state(bench.now);
    assert_eq!((state.links, state.draining, state.failing, state.dialling), (1, 1, 1, 1));
}

#[test]
fn a_dial_that_is_not_answered_ends_and_a_late_answer_is_closed() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.dial(1);
    let due = bench.core.next_due().unwrap();
    bench.now = due;
    let actions = bench.handle(ClusterEvent::Time);
    let cancel = ClusterAction::Send { link: ONE, frame: Frame::DialCancel { random: 1 } };
    assert_eq!(actions, [cancel, closed(1, Reason::TimedOut)]);
    let late = Frame::DialResponse { random: 1, outcome: Ok(ConnectId(7)) };
    assert_eq!(bench.received(ONE, late), [close_request(ONE, 7)]);
    assert_eq!(bench.core.state(bench.now).closing, 1);
    bench.now += Duration::from_secs(10);
    bench.handle(ClusterEvent::Time);
    assert_eq!(bench.core.state(bench.now).closing, 0, "an agent that does not answer is no leak");
    assert_eq!(bench.core.next_due(), None);
}

#[test]
fn a_reader_that_stops_loses_its_own_tunnel_only() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.open(1, 1);
    bench.open(2, 2);
    assert!(matches!(bench.data(ONE, 1, b"0123456789")[..], [ClusterAction::Deliver { .. }]));
    let actions = bench.data(ONE, 1, b"x");
    assert_eq!(actions, [close_request(ONE, 1), closed(1, Reason::NotReading(10))]);
    assert_eq!(bench.data(ONE, 1, b"under way"), [], "the number is still closing");
    assert!(matches!(bench.data(ONE, 2, b"x")[..], [ClusterAction::Deliver { .. }]));
}

#[test]
fn bytes_for_no_tunnel_are_answered_with_a_close_once() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    assert_eq!(bench.data(ONE, 9, b"x"), [close_request(ONE, 9)]);
    assert_eq!(bench.data(ONE, 9, b"x"), []);
    assert_eq!(bench.data(ONE, 0, b"x"), []);
    let answer = Frame::CloseResponse { id: ConnectId(9), error: String::new() };
    assert_eq!(bench.received(ONE, answer.clone()), []);
    assert_eq!(bench.received(ONE, answer), [], "a second answer says nothing");
    assert_eq!(bench.core.state(bench.now).closing, 0);
}

#[test]
fn two_streams_with_one_agents_id_do_not_collide() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.link(TWO, None);
    assert_eq!((bench.open(1, 1), bench.open(2, 1)), (ONE, TWO));
    let deliver = |tunnel| [ClusterAction::Deliver { tunnel: TunnelId(tunnel), bytes: "x".into() }];
    assert_eq!(bench.data(ONE, 1, b"x"), deliver(1));
    assert_eq!(bench.data(TWO, 1, b"x"), deliver(2));
}

#[test]
fn a_number_given_twice_stays_with_its_first_tunnel() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.open(1, 1);
    bench.dial(2);
    let again = Frame::DialResponse { random: 2, outcome: Ok(ConnectId(1)) };
    let actions = bench.received(ONE, again.clone());
    assert!(
        matches!(&actions[..], [ClusterAction::Closed { reason: Reason::Refused(_), .. }]),
        "{actions:?}"
    );
    assert_eq!(bench.received(ONE, again), []);
    assert!(matches!(bench.data(ONE, 1, b"x")[..], [ClusterAction::Deliver { .. }]));
}

#[test]
fn the_number_of_tunnels_is_bounded() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    (1..=3).for_each(|tunnel| assert_eq!(bench.dial(tunnel), [ONE]));
    let dial = ClusterEvent::Dial { tunnel: TunnelId(4), address: "api:443".to_owned(), trace: None };
    assert_eq!(bench.handle(dial), [closed(4, Reason::TooMany(3))]);
}

#[test]
fn what_was_not_agreed_on_is_not_understood() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.open(1, 1);
    for frame in [
        Frame::HalfClose { id: ConnectId(1) },
        Frame::Window { id: ConnectId(1), bytes: 99 },
        Frame::Load { tunnels: 99 },
        Frame::CloseRequest { id: ConnectId(1) },
    ] {
        assert_eq!(bench.received(ONE, frame), []);
    }
}

#[test]
fn the_end_of_one_direction_is_the_end_unless_both_ends_know_better() {
    let mut bench = Bench::new();
    bench.link(ONE, None);
    bench.open(1, 1);
    let finish = |tunnel| ClusterEvent::Finish { tunnel: TunnelId(tunnel) };
    assert_eq!(bench.handle(finish(1)), [close_request(ONE, 1), closed(1, Reason::ByUser)]);
    bench.handle(ClusterEvent::LinkClosed { link: ONE });

    bench.link(TWO, Some(Extension::default()));
    bench.open(2, 1);
    let half = Frame::HalfClose { id: ConnectId(1) };
    assert_eq!(bench.handle(finish(2)), [ClusterAction::Send { link: TWO, frame: half.clone() }]);
    assert!(matches!(bench.data(TWO, 1, b"x")[..], [ClusterAction::Deliver { .. }]));
    assert_eq!(bench.received(TWO, half), [ClusterAction::Finished { tunnel: TunnelId(2) }]);
    let end = Frame::CloseResponse { id: ConnectId(1), error: String::new() };
    assert_eq!(bench.received(TWO, end), [closed(2, Reason::Closed(String::new()))]);
}
