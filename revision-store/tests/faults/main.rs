//! What goes wrong outside: killed processes, full disks, damaged files, a second process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

mod again;
mod bad_files;
mod full;
mod killed;
mod locked;
mod restarted;
mod steps;
