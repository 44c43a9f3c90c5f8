//! Members' tokens, renewed before they expire and without a gap in service.
//!
//! A rotation has two actions, each of which may be interrupted anywhere and begun again:
//!
//! 1. *Renew*: the member makes a new token, at the request of the present one (TokenRequest; kept apart from the present
//!    one's by another Secret that it is bound to, where the account may make one). It is proved against the member, sealed
//!    where tokens are sealed, and written in the place of the present one. The same write notes what keeps the previous
//!    token valid.
//! 2. *Revoke*, once the new token was in use for a while: the new token is proved again, and the Secret on the member that
//!    the previous one is bound to, or of an eternal token the one that holds it, is deleted, which ends its validity.
//!
//! Nothing is remembered elsewhere: the Secret, the token's own claims, and a clock say what is next. So it does not matter
//! who goes on, the controllers after a restart or `fedd credentials rotate`, or that both do.
//!
//! | module | holds | does I/O |
//! | --- | --- | --- |
//! | [`claims`] | what a token says of itself | no |
//! | [`record`] | what a Secret says of its token | no |
//! | [`decide`] | what is to be done now | no |
//! | [`told`] | what a cluster is told of a rotation that fails | no |
//! | [`step`] | the two actions, over ports | by its ports |
//! | [`host`], [`member`] | the ports on real API servers | yes |
//! | [`keeper`] | all of it on a schedule | yes |

pub mod claims;
pub mod decide;
pub mod host;
pub mod keeper;
pub mod member;
pub mod record;
#[cfg(test)]
mod simulation;
pub mod step;
pub mod told;

use std::time::Duration;

use clap::Args;
use federation_model::parse_duration;

pub use self::decide::Policy;

/// When members' tokens are renewed.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Rotation of tokens")]
pub struct RotationArgs {
    /// Renew a member's token when this share of its life is left, in percent; 0 never
    #[arg(long, value_name = "PERCENT", default_value_t = 33, value_parser = clap::value_parser!(u8).range(0..=99))]
    pub renew_tokens_at: u8,
    /// Life of renewed tokens [default: that of the one before; a year after one that never expires]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub renewed_token_duration: Option<Duration>,
    /// Replace tokens that never expire too, and delete the Secrets that hold them on the members
    #[arg(long)]
    pub replace_eternal_tokens: bool,
    /// How long a previous token stays valid after a new one is in use, where it can be revoked
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub previous_token_for: Duration,
}

impl RotationArgs {
    /// Never, for a control plane that ends before any token does.
    pub fn off() -> Self {
        Self {
            renew_tokens_at: 0,
            renewed_token_duration: None,
            replace_eternal_tokens: false,
            previous_token_for: Duration::ZERO,
        }
    }

    /// What they mean; none when nothing is to be renewed.
    pub fn policy(&self) -> Option<Policy> {
        (self.renew_tokens_at > 0).then(|| Policy {
            left: f64::from(self.renew_tokens_at) / 100.0,
            lasting: self.renewed_token_duration,
            replaces_eternal: self.replace_eternal_tokens,
            settle: self.previous_token_for,
        })
    }
}
