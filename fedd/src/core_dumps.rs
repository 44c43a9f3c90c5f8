//! Core dumps: images of a process' memory, secrets included, that the system writes when it crashes.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Refuses them for good: the system writes none of this process, however it is set up, and no process of another user
/// than root reads its memory (`PR_SET_DUMPABLE` and `RLIMIT_CORE`, see prctl(2) and core(5)).
///
/// # Errors
/// The system does not let it.
pub fn refuse() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The limit alone does not hold where dumps are piped into a program.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
