//! Builds a binary once, whoever asks.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{progress::Progress, recipe::Binary};
use crate::{Error, Result, log_tail::log_tail};

/// The path of a binary in the cache, built if it is not there yet.
pub(super) fn built(binary: Binary, cache: &Path) -> Result<PathBuf> {
    let folder = cache.join(binary.module().key());
    let path = folder.join("bin").join(binary.name());
    if path.is_file() {
        return Ok(path);
    }
    make_folder(&folder.join("bin"))?;
    let _lock = lock(&folder.join("lock"))?;
    // Whoever held the lock before may have built it.
    if !path.is_file() {
        build(binary, &folder, &path)?;
    }
    Ok(path)
}

fn build(binary: Binary, folder: &Path, path: &Path) -> Result<()> {
    let module = binary.module();
    let source = folder.join("source");
    make_folder(&source)?;
    write(&source.join("go.mod"), module.go_mod)?;
    write(&source.join("go.sum"), module.go_sum)?;
    if let Some(main) = module.main {
        write(&source.join("main.go"), main)?;
    }

    // Renamed when it is whole: a build that is interrupted leaves nothing that looks like a binary.
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    let log = folder.join(format!("{}.log", binary.name()));
    let output = File::create(&log).map_err(|source| Error::file(&log, source))?;
    let errors = output.try_clone().map_err(|source| Error::file(&log, source))?;
    let command = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"])
        .args(["-ldflags", &binary.linker_flags()])
        .arg("-o")
        .arg(&unfinished)
        .arg(binary.package())
        .current_dir(&source)
        // Static, and independent of the C compiler and of a workspace around the cache.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env_remove("GOOS")
        .env_remove("GOARCH")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn();
    let mut go = command.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            Error::NoGo { binary: binary.name(), wanted: module.go_version().to_owned() }
        }
        _ => Error::file(Path::new("go"), source),
    })?;

    let progress = Progress::start(format!("building {} {}", binary.name(), binary.version()));
    let status = go.wait().map_err(|source| Error::file(Path::new("go"), source))?;
    progress.finish(status.success());
    if !status.success() {
        // What is left of it has no use; the failure to be told of is the build's.
        let _removed = fs::remove_file(&unfinished);
        return Err(Error::Build { binary: binary.name(), status, tail: log_tail(&log), log });
    }
    fs::rename(&unfinished, path).map_err(|source| Error::file(path, source))
}

/// Waits until no other process builds this module. The lock ends with the file or with the process.
fn lock(path: &Path) -> Result<File> {
    let lock = || {
        let file = File::create(path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|source| Error::file(path, source))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|source| Error::file(path, source))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|source| Error::file(path, source))
}
