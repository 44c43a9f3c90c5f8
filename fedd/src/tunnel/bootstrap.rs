//! Tokens that an agent gets its first certificate for: short-lived, and good once.
//!
//! "Once" means for one key: the agent makes its key before it asks, and keeps it. So it may ask again with that key
//! when an answer was lost, and whoever comes with another key is either late or a thief, of whom it is told.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cluster_tunnel::ClusterName;
use cluster_tunnel::server::Refusal;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::agent_certificate::sha256;

/// How long a token is remembered after its end, so that its use can still be told from a guess.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A token: a name that may be told, and what only the agent is to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    secret: String,
}

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no bootstrap token: it has the form ID.SECRET, as `fedd join --tunnel` prints it")]
pub struct NoToken;

/// What the federation keeps of a token. Not the token: who reads this cannot use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The cluster that it is for.
    pub cluster: String,
    /// The uid of its `KubeFedCluster` when it was made.
    pub uid: String,
    /// The hash of the secret.
    pub hash: String,
    /// When it ends.
    pub expires: Timestamp,
    /// How long certificates are good that come of it, in seconds.
    pub certificate_seconds: u64,
    /// The hash of the key that it was used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_for: Option<String>,
}

/// Who shows a token, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The cluster that is asked for.
    pub cluster: &'a ClusterName,
    /// The uid that its `KubeFedCluster` has now.
    pub uid: &'a str,
    /// The hash of the key.
    pub key: &'a str,
}

impl Token {
    /// A new one. Its 244 bits of chance cannot be guessed, so a plain hash keeps them.
    pub fn make() -> Self {
        let chance = || Uuid::new_v4().simple().to_string();
        Self { id: chance(), secret: chance() + &chance() }
    }

    /// Its name, which may be told.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.secret)
    }
}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(text: &str) -> Result<Self, NoToken> {
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        match text.trim().split_once('.') {
            Some((id, secret)) if is_part(id) && is_part(secret) => {
                Ok(Self { id: id.to_owned(), secret: secret.to_owned() })
            }
            _ => Err(NoToken),
        }
    }
}

impl Record {
    /// What is kept of a new token.
    pub fn of(token: &Token, cluster: &str, uid: &str, expires: Timestamp, certificates: Duration) -> Self {
        Self {
            cluster: cluster.to_owned(),
            uid: uid.to_owned(),
            hash: sha256(token.secret.as_bytes()),
            expires,
            certificate_seconds: certificates.as_secs(),
            used_for: None,
        }
    }

    /// Whether there is no reason to keep it any more.
    pub fn is_past(&self, now: Timestamp) -> bool {
        now.duration_since(self.expires) > REMEMBERED
    }
}

/// Whether a token may be used so, and what its record is then; `None` if that is what it is already.
///
/// # Errors
/// Why not. Whoever does not know the secret hears no more than that.
pub fn judge(
    record: Option<&Record>,
    token: &Token,
    at: Use<'_>,
    now: Timestamp,
) -> Result<Option<Record>, Refusal> {
    let invalid =
        |words: &str| Err(Refusal::Invalid(format!("{words}; `fedd join --tunnel` prints another")));
    let Some(record) = record.filter(|record| record.hash == sha256(token.secret.as_bytes())) else {
        return invalid("the bootstrap token is not known");
    };
    if record.cluster != at.cluster.as_str() {
        return Err(Refusal::StolenName {
            identity: format!("the bootstrap token {} of {}", token.id, record.cluster),
            cluster: at.cluster.clone(),
        });
    }
    // Also after its end: it is still a sign that somebody has it who should not.
    if record.used_for.as_deref().is_some_and(|used| used != at.key) {
        return Err(Refusal::UsedTwice { cluster: at.cluster.clone() });
    }
    if record.expires <= now {
        return invalid("the bootstrap token has expired");
    }
    if record.uid != at.uid {
        return invalid("the cluster has left the federation since the bootstrap token was made");
    }
    if record.used_for.is_some() {
        return Ok(None);
    }
    Ok(Some(Record { used_for: Some(at.key.to_owned()), ..record.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn record(token: &Token) -> Record {
        Record::of(token, "m1", "uid", now() + HOUR, Duration::from_hours(24))
    }

    fn tried(
        record: &Record,
        token: &Token,
        cluster: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Record>, Refusal> {
        let cluster = cluster.parse().unwrap();
        judge(Some(record), token, Use { cluster: &cluster, uid: "uid", key }, now)
    }

    #[test]
    fn a_token_is_good_for_one_key_and_for_that_again() {
        let token = Token::make();
        let used = tried(&record(&token), &token, "m1", "k1", now()).unwrap().unwrap();
        assert_eq!(used.used_for.as_deref(), Some("k1"));
        assert_eq!(tried(&used, &token, "m1", "k1", now()), Ok(None));
        for later in [now(), now() + HOUR * 2] {
            let twice = tried(&used, &token, "m1", "k2", later);
            assert!(matches!(twice, Err(Refusal::UsedTwice { .. })), "{twice:?}");
        }
    }

    #[test]
    fn a_token_ends_and_is_one_clusters() {
        let token = Token::make();
        let record = record(&token);
        assert!(matches!(tried(&record, &token, "m1", "k", now() + HOUR), Err(Refusal::Invalid(_))));
        assert!(matches!(tried(&record, &token, "m2", "k", now()), Err(Refusal::StolenName { .. })));
        let (m1, other) = ("m1".parse().unwrap(), Token { id: token.id.clone(), ..Token::make() });
        let at = Use { cluster: &m1, uid: "another", key: "k" };
        assert!(matches!(judge(Some(&record), &token, at, now()), Err(Refusal::Invalid(_))));
        for unknown in [judge(Some(&record), &other, at, now()), judge(None, &token, at, now())] {
            assert!(unknown.unwrap_err().to_string().contains("not known"));
        }
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let token = Token::make();
        assert!(token.to_string().parse() == Ok(token));
        for wrong in ["", "a", ".", "a.", ".b", "a.b.c", "a.b\nc"] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_is_no_token_and_not_kept_for_ever() {
        let token = Token::make();
        let record = record(&token);
        assert!(!serde_json::to_string(&record).unwrap().contains(&token.secret));
        assert!(!record.is_past(now() + HOUR * 24) && record.is_past(now() + HOUR * 24 * 8));
    }
}
