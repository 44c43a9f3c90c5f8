//! The real ports: Kubernetes API servers, through kube's client.

mod connect;
mod destination;
mod dial;
mod dialled_client;
mod host;
mod member;
mod notices;
mod sealed;
mod token;
mod versions;

pub use self::connect::{AccessError, MemberAccess, Timeouts};
pub use self::destination::destination;
pub use self::dial::{DialError, Dialer, Dialled};
pub use self::host::KubeHost;
pub use self::member::KubeMember;
pub use self::sealed::{NotOpened, OpenSealed, SEALED_TOKEN_KEY, sealed_token};
pub use self::token::Token;

use std::time::Duration;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use kube::runtime::watcher;

use crate::ports::{ApiFailure, Clock, WatchEvent};

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// A failure in the engine's words.
pub(crate) fn failure(error: &kube::Error) -> ApiFailure {
    match error {
        kube::Error::Api(status) => ApiFailure::Refused {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
        },
        other => unreachable(other),
    }
}

/// No answer came; where a tunnel leads there, whether it was the tunnel.
fn unreachable(error: &kube::Error) -> ApiFailure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(DialError::TunnelDown(words)) = error.downcast_ref() {
            return ApiFailure::TunnelDown(words.clone());
        }
        cause = error.source();
    }
    ApiFailure::Unreachable(chain(error))
}

/// An error with its causes, each once: hyper says "client error", its source says why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = cause.source();
    }
    words
}

/// Asks with a time-out.
pub(crate) async fn within<T>(
    limit: Duration,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ApiFailure> {
    match tokio::time::timeout(limit, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(ApiFailure::TimedOut(limit)),
    }
}

/// Kube's watch events in the engine's words, with kube's own back-off after failures.
pub(crate) fn events<K, T>(
    stream: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send + 'static,
    map: impl Fn(K) -> T + Send + 'static,
) -> BoxStream<'static, WatchEvent<T>>
where
    K: Send + 'static,
    T: Send + 'static,
{
    use kube::runtime::WatchStreamExt as _;
    stream
        .default_backoff()
        .map(move |event| match event {
            Ok(watcher::Event::Init) => WatchEvent::Restarted,
            Ok(watcher::Event::InitApply(object)) => WatchEvent::Listed(map(object)),
            Ok(watcher::Event::InitDone) => WatchEvent::Synced,
            Ok(watcher::Event::Apply(object)) => WatchEvent::Applied(map(object)),
            Ok(watcher::Event::Delete(object)) => WatchEvent::Deleted(map(object)),
            Err(error) => WatchEvent::Failed(watch_failure(&error)),
        })
        .boxed()
}

fn watch_failure(error: &watcher::Error) -> ApiFailure {
    match error {
        watcher::Error::InitialListFailed(e)
        | watcher::Error::WatchStartFailed(e)
        | watcher::Error::WatchFailed(e) => failure(e),
        watcher::Error::WatchError(status) => ApiFailure::Refused {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
        },
        other @ watcher::Error::NoResourceVersion => ApiFailure::Unreachable(chain(other)),
    }
}
