//! Propagates federated objects to member clusters, and brings their status back.
//!
//! | layer | modules | does |
//! | --- | --- | --- |
//! | decisions, pure | [`plan`], [`selection`], [`render`], [`overrides`], [`retain`], [`version`], [`version_record`], [`status`], [`contest`], [`health`], [`rights`], [`cells`] | values in, values out |
//! | state | [`entry`], [`observed`], [`registry`], [`type_state`], [`queue`], [`retry`] | what is known, what waits |
//! | heart | [`core`], `lane`, `execute`, `host_stage`, [`handover`] | one lane per member API server; effects through [`ports`] |
//! | shell | [`engine`], `prober`, [`kube_ports`] | a real host, real members |
//!
//! Who embeds the engine on real API servers uses [`Engine`]; who simulates it drives [`core::Core`] with ports of their own.

pub mod cells;
pub mod contest;
pub mod core;
pub mod engine;
pub mod entry;
mod execute;
pub mod federated_type;
pub mod handover;
pub mod health;
mod host_stage;
pub mod kube_ports;
mod lane;
pub mod observed;
pub mod outcome;
pub mod overrides;
pub mod plan;
pub mod ports;
mod prober;
pub mod queue;
pub mod registry;
pub mod render;
pub mod retain;
pub mod retry;
pub mod rights;
pub mod selection;
pub mod status;
pub mod telemetry;
pub mod type_state;
pub mod version;
pub mod version_record;

pub use engine::{Engine, EngineError, EngineOptions};
