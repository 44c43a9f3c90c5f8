//! Which member, and as who the federation is there.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use federation_model::is_dns_subdomain;
use kube::config::Kubeconfig;

use super::account::Account;
use crate::access::{self, Access};
use crate::failure::Usage;

/// Which member, and as who.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Member")]
pub struct MemberArgs {
    /// The member's context [default: NAME; of a --cluster-kubeconfig that has none of that name, its current context]
    #[arg(long, value_name = "NAME")]
    pub cluster_context: Option<String>,
    /// The member's kubeconfig [default: the federation's]
    #[arg(long, value_name = "FILE")]
    pub cluster_kubeconfig: Option<PathBuf>,
    /// The federation's name on the member: the service account is called `NAME-THIS` [default: the federation's
    /// context, with '-' for what a name cannot hold; fedd where there is none]
    #[arg(long, value_name = "NAME")]
    pub host_cluster_name: Option<String>,
}

impl MemberArgs {
    /// The member's API server, by an administrator's kubeconfig.
    ///
    /// # Errors
    /// There is no such kubeconfig or context.
    pub async fn access(&self, name: &str, host_kubeconfig: Option<&Path>) -> anyhow::Result<Access> {
        let file = self.cluster_kubeconfig.as_deref().or(host_kubeconfig);
        let context = match (&self.cluster_context, &self.cluster_kubeconfig) {
            (Some(context), _) => Some(context.clone()),
            (None, None) => Some(name.to_owned()),
            (None, Some(file)) => {
                let kubeconfig = Kubeconfig::read_from(file)
                    .with_context(|| format!("--cluster-kubeconfig {}", file.display()))?;
                kubeconfig.contexts.into_iter().map(|c| c.name).find(|c| c == name)
            }
        };
        access::connect(file, context.as_deref())
            .await
            .with_context(|| format!("member {name} (choose by --cluster-context or --cluster-kubeconfig)"))
    }

    /// The account of the federation on the member.
    ///
    /// # Errors
    /// No account can be called so.
    pub fn account(
        &self,
        cluster: &str,
        namespace: &str,
        host_context: Option<&str>,
    ) -> Result<Account, Usage> {
        let host = match &self.host_cluster_name {
            Some(name) => name.clone(),
            None => host_context
                .map(name_of_context)
                .filter(|n| !n.is_empty())
                .unwrap_or_else(|| "fedd".to_owned()),
        };
        let name = format!("{cluster}-{host}");
        if is_dns_subdomain(&name) {
            Ok(Account { namespace: namespace.to_owned(), name })
        } else {
            Err(Usage(format!(
                "no service account can be called {name:?}; choose a --host-cluster-name of lower-case letters, digits and '-'"
            )))
        }
    }
}

/// A context's name as a part of an account's: in lower case, `-` for what a name cannot hold.
fn name_of_context(context: &str) -> String {
    let text: String = context
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    text.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(host: Option<&str>) -> MemberArgs {
        MemberArgs {
            cluster_context: None,
            cluster_kubeconfig: None,
            host_cluster_name: host.map(str::to_owned),
        }
    }

    #[test]
    fn an_account_is_called_after_cluster_and_federation() {
        let name = |host, context| args(host).account("rz00", "fed", context).map(|a| a.name);
        assert_eq!(name(Some("host"), Some("ctx")).as_deref(), Ok("rz00-host"));
        assert_eq!(name(None, Some("arn:aws:eks/Prod")).as_deref(), Ok("rz00-arn-aws-eks-prod"));
        assert_eq!(name(None, None).as_deref(), Ok("rz00-fedd"));
        assert!(name(Some("a:b"), None).is_err());
    }
}
