//! What a member's Secret says of its token, beside the token: annotations.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;

use super::claims::{Anchor, Claims, Life};

/// When the token was put there, by the federation's clock, and when it expires, by the member's: two times of RFC 3339
/// with a `/` between them, as ISO 8601 writes an interval.
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

    /// What [`TOKEN_LIFE`] says.
    pub fn read(text: &str) -> Option<Self> {
        let (issued, expires) = text.split_once('/')?;
        Some(Self { issued: issued.parse().ok()?, expires: expires.parse().ok()? })
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

/// When a token was put where it is, by the federation's clock. What the Secret says counts if it speaks of this very
/// token: somebody may have replaced the one without the other. Otherwise it is when the member says that it was issued.
pub fn put_at(secret: &Secret, claimed: Life) -> Timestamp {
    let noted = secret.annotations().get(TOKEN_LIFE).and_then(|text| Life::read(text));
    noted.filter(|noted| noted.expires == claimed.expires).map_or(claimed.issued, |noted| noted.issued)
}

/// The life that is known without the token, in a Secret that is sealed.
pub fn noted_life(secret: &Secret) -> Option<Life> {
    secret.annotations().get(TOKEN_LIFE).and_then(|text| Life::read(text))
}

/// Notes the life of a token that is put there now, or leaves it out of one that never expires.
pub fn note_life(secret: &mut Secret, claims: Option<&Claims>) {
    let annotations = secret.metadata.annotations.get_or_insert_default();
    match claims.and_then(|claims| claims.life) {
        Some(life) => {
            // A note on this very token knows better, by the federation's own clock.
            let is_noted = annotations.get(TOKEN_LIFE).and_then(|text| Life::read(text));
            if is_noted.is_none_or(|noted| noted.expires != life.expires) {
                annotations.insert(TOKEN_LIFE.to_owned(), life.text());
            }
        }
        None => drop(annotations.remove(TOKEN_LIFE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let life = Life { issued: at(1), expires: at(1000) };
        assert_eq!(
            (life.text().as_str(), Life::read(&life.text())),
            ("1970-01-01T00:00:01Z/1970-01-01T00:16:40Z", Some(life))
        );
        for anchor in
            [Anchor { name: "a".into(), uid: Some("u".into()) }, Anchor { name: "a".into(), uid: None }]
        {
            assert_eq!(Anchor::read(&anchor.text()), anchor);
        }
    }

    #[test]
    fn a_note_on_another_token_does_not_count() {
        let mut secret = Secret::default();
        secret
            .annotations_mut()
            .insert(TOKEN_LIFE.to_owned(), Life { issued: at(5), expires: at(100) }.text());
        assert_eq!(put_at(&secret, Life { issued: at(9), expires: at(100) }), at(5));
        assert_eq!(put_at(&secret, Life { issued: at(9), expires: at(101) }), at(9));
    }
}
