//! Libraries of Debian's packages that tests load: the installed ones, else downloaded once (by `apt-get download`) and
//! unpacked into the cache.

use std::{
    env::consts::ARCH,
    path::{Path, PathBuf},
};

use crate::{Result, binaries::debian};

/// The path of SoftHSM's module: PKCS#11 without hardware.
///
/// Where a token's data are is said by the file that the environment variable `SOFTHSM2_CONF` names when the module is
/// loaded.
///
/// Blocks.
///
/// # Errors
/// It is not installed and cannot be downloaded.
pub fn softhsm_module() -> Result<PathBuf> {
    library("softhsm2", "libsofthsm2", "/usr/lib/softhsm/libsofthsm2.so")
}

/// The path of libfaketime, which a process preloads to be told another time (for programs with threads).
///
/// Blocks.
///
/// # Errors
/// It is not installed and cannot be downloaded.
pub fn faketime_library() -> Result<PathBuf> {
    let path = format!("/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1");
    library("faketime", "libfaketime", &path)
}

fn library(name: &'static str, package: &str, installed: &str) -> Result<PathBuf> {
    if Path::new(installed).is_file() {
        return Ok(installed.into());
    }
    let files = debian(name, &format!("{name}-debian"), package)?;
    Ok(files.join(installed.trim_start_matches('/')))
}
