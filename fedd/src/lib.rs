//! The daemon and the command line of fedd, a multi-cluster control plane for applications that are deployed by cell.
//!
//! It is wiring: what is decided is decided in the libraries below it (`federation-model`, `topology-convert`, `tenancy`,
//! `annotation-policy`, `propagation-engine`). It is a library itself so that tests and other programs can embed it.
//!
//! | module | holds |
//! | --- | --- |
//! | [`cli`], [`args`], [`cmd`] | the command line; flags that commands share; one command per file |
//! | [`failure`] | what a failure says, and its exit code |
//! | [`access`] | from a kubeconfig to a client |
//! | [`served`], [`replicas`] | what an API server serves: which type is meant by a name, and whether it has replicas |
//! | [`federation`] | the objects that make an API server a federation |
//! | [`manifest`], [`apply`], [`output`] | objects to be written, writing them in order, and saying so |
//! | [`settings`] | `KubeFedConfig`, from the API or a file |
//! | [`placed`], [`pages`] | what is on a cluster; long lists |
//! | [`member_roles`] | the federation's roles on members follow the federated types |
//! | [`embedded`] | the federation's own API server: `fedd serve` |
//! | [`tunnel`] | members that are reached through their agents |
//! | [`sealing`], [`rotation`] | members' tokens: sealed where they are stored, and renewed in good time |
//! | [`leader`] | leader election by Lease |
//! | [`metrics`], [`http`], [`key_providers`] | `/metrics`, `/healthz`, `/readyz`; how the providers of keys are |
//! | [`webhook`] | conversion and admission over HTTPS, its certificate, and where the API server is told of it |
//! | [`logging`], [`traces`] | logs to stderr; traces to a collector |
//! | [`yaml`] | the one place that reads and writes YAML |

pub mod access;
pub mod apply;
pub mod args;
pub mod cli;
pub mod cmd;
pub mod core_dumps;
pub mod embedded;
pub mod failure;
pub mod federation;
pub mod http;
pub mod key_providers;
pub mod leader;
pub mod logging;
pub mod manifest;
pub mod member_roles;
pub mod metrics;
pub mod output;
pub mod pages;
pub mod placed;
pub mod replicas;
pub mod rotation;
pub mod sealing;
pub mod served;
pub mod settings;
pub mod traces;
pub mod tunnel;
pub mod webhook;
pub mod yaml;
