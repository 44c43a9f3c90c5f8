//! SoftHSM: a PKCS#11 module without hardware.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, binaries::cache_folder};

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
    let folder = cache_folder()?.join("softhsm2");
    let module = folder.join("root").join(INSTALLED.trim_start_matches('/'));
    if module.is_file() {
        return Ok(module);
    }
    let file = |source| Error::file(&folder, source);
    std::fs::create_dir_all(&folder).map_err(file)?;
    // Unpacked aside and renamed, so that what is interrupted or done twice leaves nothing half.
    let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
    std::fs::create_dir_all(&unfinished).map_err(file)?;
    let script = "apt-get download libsofthsm2 >&2 && dpkg-deb -x libsofthsm2_*.deb root >&2";
    let output = Command::new("sh").args(["-c", script]).current_dir(&unfinished).output().map_err(file)?;
    if !output.status.success() {
        let tail = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Error::Build { binary: "softhsm2", status: output.status, log: unfinished, tail });
    }
    let renamed = std::fs::rename(unfinished.join("root"), folder.join("root"));
    let _gone = std::fs::remove_dir_all(&unfinished);
    match renamed {
        Err(source) if !module.is_file() => Err(Error::file(&folder, source)),
        _ => Ok(module),
    }
}
