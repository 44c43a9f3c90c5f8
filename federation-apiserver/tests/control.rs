//! The parts of the server that act by themselves, on a store in memory and in paused time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod control {
    mod account_tokens;
    mod accounts;
    mod bootstrap;
    mod compaction;
    mod definition_content;
    mod failing_store;
    mod faults;
    mod garbage;
    mod garbage_properties;
    mod namespace_lifecycle;
    mod namespaces;
    mod policy;
    mod services;
    mod simulate;
    mod world;
}
