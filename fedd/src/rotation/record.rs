//! What a member's Secret says of its token, beside the token: annotations.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use super::claims::{Anchor, Claims, Life};

/// When the token was put there, by the federation's clock, and when it expires, by the member's: two times of RFC 3339
/// with a `/` between them, as ISO 8601 writes an interval. Without the first, nobody knows when it was put there.
pub const TOKEN_LIFE: &str = "fedd.io/token-life";
/// What keeps the previous token valid: the Secret on the member, `NAME` or `NAME/UID`.
pub const SUPERSEDED: &str = "fedd.io/token-superseded";
/// Asks the controllers to rotate the token now; any value does.
pub const ROTATE: &str = "fedd.io/rotate-token";

impl Life {
    /// As [`TOKEN_LIFE`] writes it.
    pub fn text(&self) -> String {
        format!("{}/{}", self.issued, self.expires)
    }
}

/// What [`TOKEN_LIFE`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When the token was put there, by the federation's clock; none if nobody knows.
    pub put_at: Option<Timestamp>,
    /// When it expires, by the member's clock: that tells which token it is.
    pub expires: Timestamp,
}

impl Noted {
    /// What is noted in a Secret; none if that is nothing that can be read.
    pub fn of(secret: &Secret) -> Option<Self> {
        let (put_at, expires) = secret.annotations().get(TOKEN_LIFE)?.split_once('/')?;
        let put_at = if put_at.is_empty() { None } else { Some(put_at.parse().ok()?) };
        Some(Self { put_at, expires: expires.parse().ok()? })
    }
}

impl Anchor {
    /// As [`SUPERSEDED`] writes it.
    pub fn text(&self) -> String {
        match &self.uid {
            Some(uid) => format!("{}/{uid}", self.name),
            None => self.name.clone(),
        }
    }

    /// What [`SUPERSEDED`] says.
    pub fn read(text: &str) -> Self {
        match text.split_once('/') {
            Some((name, uid)) => Self { name: name.to_owned(), uid: Some(uid.to_owned()) },
            None => Self { name: text.to_owned(), uid: None },
        }
    }
}

/// What keeps the previous token valid, if that is still to be deleted.
pub fn superseded(secret: &Secret) -> Option<Anchor> {
    secret.annotations().get(SUPERSEDED).map(|text| Anchor::read(text))
}

/// Whether somebody asks for a rotation.
pub fn is_asked_for(secret: &Secret) -> bool {
    secret.annotations().contains_key(ROTATE)
}

/// When a token was put where it is, by the federation's clock, if that is noted of this very token: somebody may have
/// replaced the one without the other.
pub fn put_at(secret: &Secret, claimed: Life) -> Option<Timestamp> {
    Noted::of(secret).filter(|noted| noted.expires == claimed.expires)?.put_at
}

/// Notes the life of a token that may have been there for long, or leaves it out of one that never expires.
pub fn note_life(secret: &mut Secret, claims: Option<&Claims>) {
    let noted = Noted::of(secret);
    let annotations = secret.metadata.annotations.get_or_insert_default();
    match claims.and_then(|claims| claims.life) {
        Some(life) => {
            // A note on this very token knows better.
            if noted.is_none_or(|noted| noted.expires != life.expires) {
                annotations.insert(TOKEN_LIFE.to_owned(), format!("/{}", life.expires));
            }
        }
        None => drop(annotations.remove(TOKEN_LIFE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::claims::Account;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn noting(text: &str) -> Secret {
        let mut secret = Secret::default();
        secret.annotations_mut().insert(TOKEN_LIFE.to_owned(), text.to_owned());
        secret
    }

    fn claims(life: Life) -> Claims {
        let account = Account { namespace: "fed".to_owned(), name: "a".to_owned(), uid: "u".to_owned() };
        Claims { account, life: Some(life), anchor: None }
    }

    #[test]
    fn what_is_written_is_read() {
        let life = Life { issued: at(1), expires: at(1000) };
        assert_eq!(life.text(), "1970-01-01T00:00:01Z/1970-01-01T00:16:40Z");
        let noted = Noted { put_at: Some(at(1)), expires: at(1000) };
        assert_eq!(Noted::of(&noting(&life.text())), Some(noted));
        assert_eq!(Noted::of(&noting("sometime/1970-01-01T00:16:40Z")), None);
        for anchor in
            [Anchor { name: "a".into(), uid: Some("u".into()) }, Anchor { name: "a".into(), uid: None }]
        {
            assert_eq!(Anchor::read(&anchor.text()), anchor);
        }
    }

    #[test]
    fn a_note_on_another_token_does_not_count() {
        let secret = noting(&Life { issued: at(5), expires: at(100) }.text());
        assert_eq!(put_at(&secret, Life { issued: at(9), expires: at(100) }), Some(at(5)));
        assert_eq!(put_at(&secret, Life { issued: at(9), expires: at(101) }), None);
    }

    #[test]
    fn who_seals_a_token_does_not_know_how_long_it_was_there() {
        let mut secret = noting(&Life { issued: at(5), expires: at(100) }.text());
        note_life(&mut secret, Some(&claims(Life { issued: at(9), expires: at(100) })));
        assert_eq!(Noted::of(&secret).unwrap().put_at, Some(at(5)), "it is noted already");
        note_life(&mut secret, Some(&claims(Life { issued: at(9), expires: at(200) })));
        assert_eq!(Noted::of(&secret), Some(Noted { put_at: None, expires: at(200) }));
        note_life(&mut secret, None);
        assert_eq!(Noted::of(&secret), None);
    }
}
