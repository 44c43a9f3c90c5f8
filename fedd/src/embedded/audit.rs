//! The audit log's flags, with kube-apiserver's names.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use federation_apiserver::audit::{Audit, Log, Policy, RotatingFile, Rotation};

use crate::yaml;

/// What is recorded of requests, and where.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Audit log")]
pub struct AuditArgs {
    /// File with an audit.k8s.io/v1 Policy: what is recorded of which requests
    #[arg(long, value_name = "FILE")]
    pub audit_policy_file: Option<PathBuf>,
    /// File that events are written to, one a line; `-` for standard output
    #[arg(long, value_name = "FILE")]
    pub audit_log_path: Option<PathBuf>,
    /// Most megabytes in the file before it is moved aside; 0 for 100
    #[arg(long, value_name = "MEGABYTES", default_value_t = 0)]
    pub audit_log_maxsize: u64,
    /// How many old files are kept; 0 for all
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub audit_log_maxbackup: usize,
}

impl AuditArgs {
    /// The audit log, if one is asked for.
    ///
    /// # Errors
    /// The policy cannot be used, or the file not be written.
    pub fn open(&self) -> anyhow::Result<Option<Audit>> {
        let (policy, path) = match (&self.audit_policy_file, &self.audit_log_path) {
            (None, None) => return Ok(None),
            (Some(_), None) => {
                bail!("--audit-policy-file needs --audit-log-path: write a file, or - for standard output")
            }
            (None, Some(_)) => {
                bail!("--audit-log-path needs --audit-policy-file: without a policy nothing is recorded")
            }
            (Some(policy), Some(path)) => (policy, path),
        };
        let text = std::fs::read_to_string(policy)
            .with_context(|| format!("--audit-policy-file: cannot read {}", policy.display()))?;
        let in_policy = || format!("--audit-policy-file {}", policy.display());
        let policy = Policy::read(yaml::parse(&text).with_context(in_policy)?).with_context(in_policy)?;
        let log = if path.as_os_str() == "-" {
            Log::new(std::io::stdout())
        } else {
            RotatingFile::open(path, self.rotation()).and_then(Log::new)
        };
        let log = log.with_context(|| format!("--audit-log-path: cannot write {}", path.display()))?;
        Ok(Some(Audit { policy: Arc::new(policy), log }))
    }

    fn rotation(&self) -> Rotation {
        let mut rotation = Rotation { backups: self.audit_log_maxbackup, ..Rotation::default() };
        if self.audit_log_maxsize > 0 {
            rotation.largest = self.audit_log_maxsize.saturating_mul(1 << 20);
        }
        rotation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_and_path_go_together_and_errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
        let args = |with_policy: bool, with_path: bool| AuditArgs {
            audit_policy_file: with_policy.then(|| policy.clone()),
            audit_log_path: with_path.then(|| log.clone()),
            ..AuditArgs::default()
        };
        assert!(args(false, false).open().unwrap().is_none());
        assert!(args(true, false).open().err().unwrap().to_string().contains("--audit-log-path"));
        assert!(args(false, true).open().err().unwrap().to_string().contains("--audit-policy-file"));
        assert!(args(true, true).open().err().unwrap().to_string().contains("policy.yaml"));
        std::fs::write(&policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: []\n").unwrap();
        let error = format!("{:#}", args(true, true).open().err().unwrap());
        assert!(error.contains("policy.yaml") && error.contains("rules: none"), "{error}");
        std::fs::write(&policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
            .unwrap();
        args(true, true).open().unwrap().unwrap().log.close();
        assert!(log.exists());
        assert_eq!(args(true, true).rotation(), Rotation { largest: 100 << 20, backups: 0 });
    }
}
