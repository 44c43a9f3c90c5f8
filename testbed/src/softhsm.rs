//! SoftHSM: a PKCS#11 module without hardware.

use std::path::{Path, PathBuf};

use crate::{Result, binaries::debian};

/// Where Debian's package has it.
const INSTALLED: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The path of SoftHSM's module: the installed one, else that of Debian's package, which is downloaded once (by
/// `apt-get download`) and unpacked into the cache.
///
/// Where a token's data are is said by the file that the environment variable `SOFTHSM2_CONF` names when the module is
/// loaded.
///
/// Blocks.
///
/// # Errors
/// It is not installed and cannot be downloaded.
pub fn softhsm_module() -> Result<PathBuf> {
    if Path::new(INSTALLED).is_file() {
        return Ok(INSTALLED.into());
    }
    let files = debian("softhsm2", "softhsm2-debian", "libsofthsm2")?;
    Ok(files.join(INSTALLED.trim_start_matches('/')))
}
