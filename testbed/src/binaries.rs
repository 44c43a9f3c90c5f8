//! Where the servers' binaries come from.

mod build;
mod packages;
mod progress;
mod recipe;

use std::{
    env,
    path::{Path, PathBuf},
};

pub(crate) use packages::{Program, debian, mariadb, oceanbase};
pub use recipe::Binary;

use crate::{Error, Result, blocking::blocking};

impl Binary {
    /// The path of the binary: in `KUBEBUILDER_ASSETS` if it is there, else built once into the cache.
    ///
    /// The first build takes minutes and prints its progress on standard error. Several processes that ask at
    /// once build once. The version is that of `tools/*/go.mod`, or whatever `KUBEBUILDER_ASSETS` holds.
    ///
    /// Blocks: call it from async code through `spawn_blocking`.
    pub fn path(self) -> Result<PathBuf> {
        if let Some(folder) = env::var_os("KUBEBUILDER_ASSETS").filter(|folder| !folder.is_empty()) {
            let folder = PathBuf::from(folder);
            if !folder.is_dir() {
                return Err(Error::Assets(folder));
            }
            // A set made for envtest has no kube-controller-manager; that one is then built.
            let binary = folder.join(self.name());
            if binary.is_file() {
                return Ok(binary);
            }
        }
        if self == Self::Kubectl
            && let Some(found) = on_path(self.name())
        {
            return Ok(found);
        }
        build::built(self, &cache_folder()?)
    }
}

/// The path of a `kubectl`: [`Binary::path`] for async code.
pub async fn kubectl_path() -> Result<PathBuf> {
    blocking(|| Binary::Kubectl.path()).await
}

/// Where built binaries are kept: `FEDD_TESTBED_CACHE`, else `fedd-testbed` in the user's cache folder.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let folder = |variable| env::var_os(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    folder("FEDD_TESTBED_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("fedd-testbed")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/fedd-testbed")))
        .ok_or(Error::NoCache)
}

/// The first file of this name in the folders of PATH.
fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path: &PathBuf| Path::is_file(path))
}
