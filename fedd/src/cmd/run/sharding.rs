//! Into how many shards the federated objects are divided.

use std::num::NonZero;

use anyhow::bail;
use clap::Args;
use federation_model::{Feature, Settings};

/// More would cost each replica more requests for Leases than it could save.
const MOST: u32 = 64;

/// Into how many shards the federated objects are divided.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Controllers")]
pub struct ShardArgs {
    /// Shards into which objects, clusters and cells are divided by tenant scope (1 to 64). Each has a Lease; replicas hold
    /// their fair share of them, and those of a replica that is gone. Give all replicas the same number
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = shards)]
    pub shards: NonZero<u32>,
}

impl ShardArgs {
    /// All in one.
    pub(crate) const ONE: Self = Self { shards: NonZero::<u32>::MIN };

    /// Refuses what cannot be divided.
    ///
    /// # Errors
    /// There are no scopes to divide by.
    pub(crate) fn check(self, settings: &Settings) -> anyhow::Result<()> {
        if self.shards.get() > 1 && !settings.gates.is_on(Feature::TenantIsolation) {
            bail!(
                "--shards {}: shards are divided by tenant scope, and the feature gate TenantIsolation is off; turn it on \
                 in the KubeFedConfig, or leave out --shards",
                self.shards
            );
        }
        Ok(())
    }
}

fn shards(text: &str) -> Result<NonZero<u32>, String> {
    let number = text.parse().ok().filter(|number: &NonZero<u32>| number.get() <= MOST);
    number.ok_or_else(|| format!("give a number from 1 to {MOST}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_one_to_the_most_are_taken() {
        assert_eq!(shards("1").unwrap().get(), 1);
        assert_eq!(shards("64").unwrap().get(), 64);
        for wrong in ["0", "65", "-1", "many", ""] {
            assert!(shards(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_scopes_nothing_can_be_divided() {
        let mut settings = Settings::default();
        let two = ShardArgs { shards: NonZero::new(2).unwrap() };
        assert!(two.check(&settings).is_ok());
        settings.gates = federation_model::FeatureGates::kubefed();
        assert!(two.check(&settings).unwrap_err().to_string().contains("TenantIsolation is off"));
        assert!(ShardArgs::ONE.check(&settings).is_ok());
    }
}
