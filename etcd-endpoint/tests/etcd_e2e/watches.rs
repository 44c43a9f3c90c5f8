//! Watches.

use std::time::Duration;

use etcd_endpoint::proto::{
    etcdserverpb::{
        DeleteRangeRequest, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest,
        WatchResponse, watch_create_request::FilterType, watch_request::RequestUnion,
    },
    mvccpb::Event,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::{
    both::{Both, bytes},
    normal::Normal,
};

/// More than an answer takes on two busy cores.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of watches.
pub(crate) struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    /// etcd sends nothing, not even headers, before the first answer.
    opening: Option<JoinHandle<Streaming<WatchResponse>>>,
    answers: Option<Streaming<WatchResponse>>,
}

impl Stream {
    async fn ask(&self, request: RequestUnion) {
        self.requests.send(WatchRequest { request_union: Some(request) }).await.unwrap();
    }

    async fn next(&mut self) -> WatchResponse {
        if let Some(opening) = self.opening.take() {
            self.answers = Some(tokio::time::timeout(PATIENCE, opening).await.unwrap().unwrap());
        }
        let answer = tokio::time::timeout(PATIENCE, self.answers.as_mut().unwrap().message()).await;
        let mut answer = answer.expect("an answer in time").unwrap().expect("the stream goes on");
        answer.normal();
        answer
    }

    /// So many events, however they are put together.
    async fn events(&mut self, count: usize) -> Vec<(i64, Event)> {
        let mut events = Vec::new();
        while events.len() < count {
            let answer = self.next().await;
            events.extend(answer.events.into_iter().map(|event| (answer.watch_id, event)));
        }
        events.sort_by_key(|(id, event)| (*id, event.kv.as_ref().unwrap().mod_revision));
        events
    }
}

/// A stream at each of the two.
pub(crate) struct Pair {
    ours: Stream,
    theirs: Stream,
}

impl Pair {
    pub(crate) fn open(both: &Both) -> Self {
        let [ours, theirs] = both.watch_clients().map(|mut client| {
            let (requests, waiting) = mpsc::channel(8);
            let opening =
                async move { client.watch(ReceiverStream::new(waiting)).await.unwrap().into_inner() };
            Stream { requests, opening: Some(tokio::spawn(opening)), answers: None }
        });
        Self { ours, theirs }
    }

    async fn ask(&self, request: RequestUnion) {
        self.ours.ask(request.clone()).await;
        self.theirs.ask(request).await;
    }

    /// The next answer, which is the same of both.
    async fn same(&mut self) -> WatchResponse {
        let (ours, theirs) = tokio::join!(self.ours.next(), self.theirs.next());
        assert_eq!(ours, theirs, "left: the endpoint, right: etcd");
        ours
    }

    pub(crate) async fn create(&mut self, request: WatchCreateRequest) -> WatchResponse {
        self.ask(RequestUnion::CreateRequest(request)).await;
        self.same().await
    }

    /// The next events, which are the same of both.
    pub(crate) async fn same_events(&mut self, count: usize) -> Vec<(i64, Event)> {
        let (ours, theirs) = tokio::join!(self.ours.events(count), self.theirs.events(count));
        assert_eq!(ours, theirs, "left: the endpoint, right: etcd");
        ours
    }
}

fn prefix(start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest {
        key: bytes("/a/"),
        range_end: bytes("/a0"),
        start_revision,
        ..WatchCreateRequest::default()
    }
}

async fn delete(both: &Both, key: &str) {
    both.delete(DeleteRangeRequest { key: bytes(key), ..DeleteRangeRequest::default() }).await;
}

#[tokio::test]
async fn several_watches_of_one_stream() {
    let both = Both::start().await;
    both.put("/a/1", "one").await;
    both.put("/b/1", "one").await;
    let mut pair = Pair::open(&both);
    let filters = |filter: FilterType| vec![filter as i32];
    for request in [
        prefix(1),
        WatchCreateRequest { prev_kv: true, ..prefix(0) },
        WatchCreateRequest { watch_id: 2, filters: filters(FilterType::Noput), ..prefix(0) },
        WatchCreateRequest { watch_id: 40, filters: filters(FilterType::Nodelete), ..prefix(1) },
        // Not yet: what comes before is not told.
        WatchCreateRequest { fragment: true, ..prefix(6) },
    ] {
        pair.ask(RequestUnion::CreateRequest(request)).await;
    }
    // Which watch says first what it knows is not told.
    let told = async |stream: &mut Stream| {
        let (mut created, mut events) = (Vec::new(), Vec::new());
        while created.len() < 5 || events.len() < 2 {
            let answer = stream.next().await;
            if answer.created {
                created.push(answer);
            } else {
                events.extend(answer.events.into_iter().map(|event| (answer.watch_id, event)));
            }
        }
        events.sort_by_key(|(id, _)| *id);
        (created, events)
    };
    let (ours, theirs) = tokio::join!(told(&mut pair.ours), told(&mut pair.theirs));
    assert_eq!(ours, theirs);

    both.put("/a/1", "two").await;
    delete(&both, "/a/1").await;
    both.put("/b/2", "elsewhere").await;
    both.put("/a/2", "three").await;
    delete(&both, "/a/2").await;
    // Watch 0: 4. Watch 1: 4. Watch 2: 2. Watch 40: 2. The last: those from revision 6 on, 2.
    pair.same_events(14).await;

    pair.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 40 })).await;
    assert!(pair.same().await.canceled);
    pair.ask(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
    let progress = pair.same().await;
    assert_eq!((progress.watch_id, progress.header.unwrap().revision), (-1, 8));
    let twice = pair.create(WatchCreateRequest { watch_id: 2, ..prefix(0) }).await;
    assert!(twice.created && twice.canceled);
    assert!(pair.create(WatchCreateRequest { range_end: bytes("/"), ..prefix(0) }).await.canceled);
    assert!(pair.create(prefix(-1)).await.canceled);
    both.put("/a/3", "last").await;
    pair.same_events(3).await;
}

#[tokio::test]
async fn a_watch_from_before_a_compaction_is_told_so() {
    let both = Both::start().await;
    for value in ["1", "2", "3", "4"] {
        both.put("/a/1", value).await;
    }
    both.compact(4).await;
    let mut pair = Pair::open(&both);
    assert!(pair.create(prefix(2)).await.created);
    // The reason is written here, and by etcd's clients only.
    let gone = |mut answer: WatchResponse| {
        answer.cancel_reason.clear();
        answer.header = None;
        answer
    };
    let (ours, theirs) = tokio::join!(pair.ours.next(), pair.theirs.next());
    assert_eq!((ours.compact_revision, ours.canceled), (4, true));
    assert_eq!(gone(ours), gone(theirs));
    assert!(pair.create(prefix(5)).await.created);
    pair.same_events(1).await;
}

#[tokio::test]
async fn progress_is_never_told_before_the_events() {
    let both = Both::start().await;
    let mut pair = Pair::open(&both);
    pair.create(prefix(0)).await;
    let mut told = [1, 1];
    for round in 0..50 {
        let revision = both.put("/a/1", &round.to_string()).await;
        pair.ask(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
        for (stream, told) in [&mut pair.ours, &mut pair.theirs].into_iter().zip(&mut told) {
            // etcd leaves a request unanswered while a watch is behind.
            while *told < revision {
                let answer = stream.next().await;
                match answer.events.last() {
                    Some(event) => *told = event.kv.as_ref().unwrap().mod_revision,
                    None => assert!(answer.header.unwrap().revision <= *told, "events were left out"),
                }
            }
        }
    }
}
