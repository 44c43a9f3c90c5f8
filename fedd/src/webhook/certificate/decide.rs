//! When certificates are renewed: a decision over times, without a clock.
//!
//! An authority lives through: *known* (in every `caBundle`, signs nothing), *signing*, *retired* (signs nothing any
//! more, but leaves that it signed may still be in use), gone. The overlaps are what lets requests go on during a
//! rotation: nobody presents a leaf whose authority a `caBundle` may not hold yet, or no longer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;

use super::{BACKDATE, CertificateError};

/// How long certificates live, and when they are renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long an authority is good (default 365 days).
    pub authority: Duration,
    /// How long before its end an authority gets its successor (default 60 days). Longer than `lead` and `leaf`
    /// together, otherwise leaves are cut short.
    pub authority_renewal: Duration,
    /// How long a leaf is good (default 7 days).
    pub leaf: Duration,
    /// How long before its end a leaf is renewed (default 3 days).
    pub leaf_renewal: Duration,
    /// How long a new authority is only trusted before it signs (default 10 minutes): the time that `caBundle`s and the
    /// API servers that read them may take.
    pub lead: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            authority: DAY * 365,
            authority_renewal: DAY * 60,
            leaf: DAY * 7,
            leaf_renewal: DAY * 3,
            lead: Duration::from_secs(600),
        }
    }
}

impl Lifetimes {
    /// Whether the overlaps can be kept; the error says which of them cannot.
    pub fn check(&self) -> Result<(), String> {
        if self.leaf < Duration::from_secs(2) || self.leaf_renewal * 2 > self.leaf {
            return Err(format!(
                "the leaf's lifetime ({:?}) must be at least 2s and twice its renewal ({:?})",
                self.leaf, self.leaf_renewal
            ));
        }
        if self.authority_renewal < self.lead + self.leaf {
            return Err(format!(
                "the authority renewal ({:?}) must be at least the lead ({:?}) and the leaf's lifetime ({:?}) together",
                self.authority_renewal, self.lead, self.leaf
            ));
        }
        if self.authority < self.authority_renewal * 2 {
            return Err(format!(
                "the authority's lifetime ({:?}) must be at least twice its renewal ({:?})",
                self.authority, self.authority_renewal
            ));
        }
        Ok(())
    }
}

/// When a certificate was made, and until when it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// When it was made: its `notBefore`, without the allowance for clocks ([`BACKDATE`]).
    pub made: SystemTime,
    /// Its `notAfter`.
    pub until: SystemTime,
}

impl Validity {
    /// Reads a certificate's.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|e| {
            CertificateError::Unreadable { what: "certificate".to_owned(), problem: e.to_string() }
        })?;
        let at = |time: x509_parser::time::ASN1Time| {
            UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
        };
        Ok(Self { made: at(parsed.validity().not_before) + BACKDATE, until: at(parsed.validity().not_after) })
    }
}

/// What is held: times only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The authorities, newest first.
    pub authorities: Vec<Validity>,
    /// The leaf in use.
    pub leaf: Option<HeldLeaf>,
}

/// The leaf in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLeaf {
    /// When it was made, and until when it is good.
    pub validity: Validity,
    /// The place of its authority in [`Held::authorities`]; `None` when that is not there any more.
    pub authority: Option<usize>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until this time.
    Keep {
        /// When to decide again.
        until: SystemTime,
    },
    /// A new leaf, from the authority at this place.
    RenewLeaf {
        /// Its place in [`Held::authorities`].
        authority: usize,
    },
    /// A new authority, before the others, which stay.
    RenewCa,
    /// Only this many authorities, the newest, are still needed.
    RetireCa {
        /// How many stay.
        keep: usize,
    },
}

/// The place of the authority that signs at a time: the newest that has been known for the lead; when there is none, the
/// oldest that is still good, since it has been known for the longest.
pub fn signer(now: SystemTime, authorities: &[Validity], lifetimes: &Lifetimes) -> Option<usize> {
    let good = |a: &Validity| a.until > now;
    authorities
        .iter()
        .position(|a| good(a) && a.made + lifetimes.lead <= now)
        .or_else(|| authorities.iter().rposition(good))
}

/// What is to be done at `now` with what is held.
pub fn next_step(now: SystemTime, held: &Held, lifetimes: &Lifetimes) -> Step {
    let Some(newest) = held.authorities.first() else { return Step::RenewCa };
    let renew_authority_at = newest.until - lifetimes.authority_renewal;
    if renew_authority_at <= now {
        return Step::RenewCa;
    }
    let Some(signing) = signer(now, &held.authorities, lifetimes) else { return Step::RenewCa };
    let renew_leaf_at = match &held.leaf {
        Some(leaf) if leaf.authority == Some(signing) => renew_leaf_at(leaf.validity, lifetimes),
        _ => return Step::RenewLeaf { authority: signing },
    };
    if renew_leaf_at <= now {
        return Step::RenewLeaf { authority: signing };
    }
    let mut until = renew_authority_at.min(renew_leaf_at);
    if signing > 0 {
        // The successor takes over when it has been known for long enough.
        until = until.min(held.authorities[signing - 1].made + lifetimes.lead);
    }
    if held.authorities.len() > signing + 1 {
        // From the signer's first day on, leaves of older authorities last this long.
        let retire_at = held.authorities[signing].made + lifetimes.lead + lifetimes.leaf;
        if retire_at <= now {
            return Step::RetireCa { keep: signing + 1 };
        }
        until = until.min(retire_at);
    }
    Step::Keep { until }
}

/// A leaf whose life its authority's end has cut short is renewed at half of it.
fn renew_leaf_at(leaf: Validity, lifetimes: &Lifetimes) -> SystemTime {
    let life = leaf.until.duration_since(leaf.made).unwrap_or_default();
    leaf.until - lifetimes.leaf_renewal.min(life / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes {
        authority: Duration::from_secs(1000),
        authority_renewal: Duration::from_secs(300),
        leaf: Duration::from_secs(100),
        leaf_renewal: Duration::from_secs(40),
        lead: Duration::from_secs(10),
    };

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn authority(made: u64) -> Validity {
        Validity { made: at(made), until: at(made) + LIFETIMES.authority }
    }

    #[allow(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
    fn leaf(made: u64, authority: usize) -> Option<HeldLeaf> {
        let validity = Validity { made: at(made), until: at(made) + LIFETIMES.leaf };
        Some(HeldLeaf { validity, authority: Some(authority) })
    }

    fn step(now: u64, authorities: &[Validity], leaf: Option<HeldLeaf>) -> Step {
        next_step(at(now), &Held { authorities: authorities.to_vec(), leaf }, &LIFETIMES)
    }

    #[test]
    fn nothing_is_held_at_first_so_an_authority_is_made_and_signs_at_once() {
        assert_eq!(step(0, &[], None), Step::RenewCa);
        assert_eq!(step(0, &[authority(0)], None), Step::RenewLeaf { authority: 0 });
        assert_eq!(step(0, &[authority(0)], leaf(0, 0)), Step::Keep { until: at(60) });
    }

    #[test]
    fn a_leaf_is_renewed_before_its_end() {
        assert_eq!(step(59, &[authority(0)], leaf(0, 0)), Step::Keep { until: at(60) });
        assert_eq!(step(60, &[authority(0)], leaf(0, 0)), Step::RenewLeaf { authority: 0 });
    }

    #[test]
    fn an_authority_gets_its_successor_before_its_end() {
        assert_eq!(step(699, &[authority(0)], leaf(690, 0)), Step::Keep { until: at(700) });
        assert_eq!(step(700, &[authority(0)], leaf(690, 0)), Step::RenewCa);
    }

    #[test]
    fn a_successor_signs_only_after_every_bundle_can_hold_it() {
        let both = [authority(700), authority(0)];
        assert_eq!(step(700, &both, leaf(690, 1)), Step::Keep { until: at(710) });
        assert_eq!(step(709, &both, leaf(690, 1)), Step::Keep { until: at(710) });
        assert_eq!(step(710, &both, leaf(690, 1)), Step::RenewLeaf { authority: 0 });
    }

    #[test]
    fn an_old_authority_stays_in_the_bundle_while_its_leaves_may_be_in_use() {
        let both = [authority(700), authority(0)];
        assert_eq!(step(710, &both, leaf(710, 0)), Step::Keep { until: at(770) });
        assert_eq!(step(771, &both, leaf(770, 0)), Step::Keep { until: at(810) });
        assert_eq!(step(810, &both, leaf(770, 0)), Step::RetireCa { keep: 1 });
        assert_eq!(step(810, &both[..1], leaf(770, 0)), Step::Keep { until: at(830) });
    }

    #[test]
    fn a_leaf_whose_authority_is_gone_is_replaced() {
        let orphan = leaf(0, 0).map(|l| HeldLeaf { authority: None, ..l });
        assert_eq!(step(1, &[authority(0)], orphan), Step::RenewLeaf { authority: 0 });
    }

    #[test]
    fn after_a_long_sleep_the_new_authority_signs_at_once_if_the_old_one_has_ended() {
        assert_eq!(step(5000, &[authority(0)], leaf(0, 0)), Step::RenewCa);
        assert_eq!(
            step(5000, &[authority(5000), authority(0)], leaf(0, 1)),
            Step::RenewLeaf { authority: 0 }
        );
    }

    /// Steps are carried out as they are decided, over three authorities' lives: at every moment the leaf is good, its
    /// authority is in the bundle that was published at least the lead ago, and the decisions come to rest.
    #[test]
    fn a_rotation_never_presents_what_is_not_trusted() {
        let mut held = Held::default();
        let mut bundles: Vec<(u64, Vec<Validity>)> = Vec::new();
        for now in 0..3000 {
            for round in 0.. {
                assert!(round < 5, "no rest at {now}: {held:?}");
                match next_step(at(now), &held, &LIFETIMES) {
                    Step::Keep { until } => {
                        assert!(until > at(now), "a wait that is over at {now}");
                        break;
                    }
                    Step::RenewLeaf { authority } => held.leaf = leaf(now, authority),
                    Step::RenewCa => {
                        held.authorities.insert(0, authority(now));
                        if let Some(leaf) = &mut held.leaf {
                            leaf.authority = leaf.authority.map(|a| a + 1);
                        }
                        bundles.push((now, held.authorities.clone()));
                    }
                    Step::RetireCa { keep } => {
                        held.authorities.truncate(keep);
                        bundles.push((now, held.authorities.clone()));
                    }
                }
            }
            let leaf = held.leaf.as_ref().unwrap();
            assert!(leaf.validity.until > at(now), "expired at {now}");
            let authority = held.authorities[leaf.authority.unwrap()];
            let stale = bundles.iter().rfind(|(since, _)| since + 10 <= now).or(bundles.first()).unwrap();
            assert!(
                stale.1.contains(&authority),
                "at {now} an API server that is 10 s behind refuses the leaf"
            );
            assert!(held.authorities.len() <= 2);
        }
        assert!(bundles.len() >= 6, "{bundles:?}");
    }

    #[test]
    fn lifetimes_that_cannot_overlap_are_refused() {
        Lifetimes::default().check().unwrap();
        LIFETIMES.check().unwrap();
        let short = Lifetimes { authority_renewal: Duration::from_secs(50), ..LIFETIMES };
        assert!(short.check().unwrap_err().contains("authority renewal"));
        let long = Lifetimes { authority_renewal: Duration::from_secs(2000), ..LIFETIMES };
        assert!(long.check().is_err());
        let leafless = Lifetimes { leaf: Duration::ZERO, ..LIFETIMES };
        assert!(leafless.check().is_err());
    }
}
