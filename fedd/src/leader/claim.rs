//! What effects are gated by: it runs out by itself, also when nobody is there to take it back, as after a process was
//! paused.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Whether this replica leads, at any moment.
#[derive(Clone, Debug)]
pub struct Claim(watch::Receiver<Option<Instant>>);

impl Claim {
    /// A claim that is held until the time that is sent last, and the sender.
    pub(super) fn none_yet() -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// A claim that never runs out: for a replica that is known to be the only one.
    pub fn forever() -> Self {
        // Far from now, but not so far that arithmetic on it could overflow.
        let (sender, receiver) = watch::channel(Some(Instant::now() + Duration::from_hours(24 * 365 * 30)));
        drop(sender);
        Self(receiver)
    }

    /// Whether the claim holds now. It costs a clock reading, so it can be asked before every write.
    pub fn is_held(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_claim_runs_out_though_nobody_takes_it_back() {
        let (sender, claim) = Claim::none_yet();
        assert!(!claim.is_held());
        sender.send_replace(Some(Instant::now() + Duration::from_secs(10)));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(claim.is_held());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!claim.is_held());
        assert!(Claim::forever().is_held());
    }
}
