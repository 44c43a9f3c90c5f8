//! Sealed credentials: opened beside the engine's loop, which never waits for a key provider.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Secret;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::kube_ports::{NotOpened, OpenSealed, Token, sealed_token};

/// How often what was opened is opened again, so that a key provider that is gone is noticed before a restart needs it.
/// It costs nothing while the opener remembers the key.
const AGAIN: Duration = Duration::from_secs(60);
/// How soon it is tried again when the key provider is away.
const RETRY: Duration = Duration::from_secs(10);

/// What came of opening a Secret.
pub(super) struct Answer {
    secret: String,
    sealed: Vec<u8>,
    outcome: Result<Token, NotOpened>,
}

impl Answer {
    /// The Secret's name.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

/// The sealed Secrets, and what they hold.
pub(super) struct Credentials {
    opener: Option<Arc<dyn OpenSealed>>,
    answers: mpsc::UnboundedSender<Answer>,
    by_secret: HashMap<String, Entry>,
}

struct Entry {
    sealed: Vec<u8>,
    /// The last token that was opened. It serves on while a newer one does not open.
    token: Option<Token>,
    trouble: Option<String>,
    answered: bool,
    _task: AbortOnDropHandle<()>,
}

impl Credentials {
    /// None yet; with the stream of what comes of opening them.
    pub(super) fn new(opener: Option<Arc<dyn OpenSealed>>) -> (Self, BoxStream<'static, Answer>) {
        let (answers, received) = mpsc::unbounded_channel();
        let stream = stream::unfold(received, async |mut received| Some((received.recv().await?, received)));
        (Self { opener, answers, by_secret: HashMap::new() }, stream.boxed())
    }

    /// A Secret is as given, or gone.
    pub(super) fn take(&mut self, name: &str, secret: Option<&Secret>) {
        let found = secret.and_then(|secret| Some((secret, sealed_token(secret)?, self.opener.clone()?)));
        let Some((secret, sealed, opener)) = found else {
            self.by_secret.remove(name);
            return;
        };
        let before = self.by_secret.remove(name);
        if before.as_ref().is_some_and(|before| before.sealed == sealed) {
            self.by_secret.extend(before.map(|same| (name.to_owned(), same)));
            return;
        }
        let task = tokio::spawn(keep_opening(opener, name.to_owned(), secret.clone(), self.answers.clone()));
        let entry = Entry {
            sealed: sealed.to_vec(),
            token: before.and_then(|before| before.token),
            trouble: None,
            answered: false,
            _task: AbortOnDropHandle::new(task),
        };
        self.by_secret.insert(name.to_owned(), entry);
    }

    /// Notes an answer. Whether anything is otherwise by it.
    pub(super) fn answered(&mut self, answer: Answer) -> bool {
        let Some(entry) =
            self.by_secret.get_mut(&answer.secret).filter(|entry| entry.sealed == answer.sealed)
        else {
            return false;
        };
        let (token, trouble) = match answer.outcome {
            Ok(token) => (Some(token), None),
            Err(error) => (entry.token.clone(), Some(error.words)),
        };
        let is_news = !entry.answered || entry.token != token || entry.trouble != trouble;
        (entry.answered, entry.token, entry.trouble) = (true, token, trouble);
        is_news
    }

    /// Whether each sealed Secret was tried at least once.
    pub(super) fn are_answered(&self) -> bool {
        self.by_secret.values().all(|entry| entry.answered)
    }

    /// The token of a sealed Secret, or why there is none; `None` of one that is not sealed.
    pub(super) fn of(&self, secret: &str) -> Option<Result<Token, &str>> {
        let entry = self.by_secret.get(secret)?;
        let words = entry.trouble.as_deref().unwrap_or("its sealed credentials are being opened");
        Some(entry.token.clone().ok_or(words))
    }

    /// Why a Secret cannot be opened now, though it may have been before.
    pub(super) fn trouble(&self, secret: &str) -> Option<&str> {
        self.by_secret.get(secret)?.trouble.as_deref()
    }
}

async fn keep_opening(
    opener: Arc<dyn OpenSealed>,
    name: String,
    secret: Secret,
    answers: mpsc::UnboundedSender<Answer>,
) {
    let sealed = sealed_token(&secret).unwrap_or_default().to_vec();
    loop {
        let outcome = opener.open(&secret).await;
        let pause = match &outcome {
            Err(error) if error.transient => RETRY,
            _ => AGAIN,
        };
        let answer = Answer { secret: name.clone(), sealed: sealed.clone(), outcome };
        if answers.send(answer).is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
