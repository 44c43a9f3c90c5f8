//! Database servers as their makers package them, unpacked into the cache.
//!
//! Nothing of the system is changed: packages are downloaded and unpacked, never installed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{
    build::{lock, make_folder},
    cache_folder, on_path,
    progress::Progress,
};
use crate::{Error, Result};

/// The release of the wheel that carries an OceanBase server (its file `pylibseekdb/seekdb`).
const SEEKDB: &str = "1.4.0.post1";

/// A program with what it needs beside it.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where its own libraries are; empty where the system's are enough.
    pub(crate) libraries: Vec<PathBuf>,
    /// The folder of what it reads at its start; for MariaDB `share/mysql`.
    pub(crate) share: PathBuf,
}

/// MariaDB: an installed `mariadbd`, else Debian's package `mariadb-server-core` with the libraries that are missing.
pub(crate) fn mariadb() -> Result<Program> {
    let installed = on_path("mariadbd").or_else(|| {
        let beside = PathBuf::from("/usr/sbin/mariadbd");
        beside.is_file().then_some(beside)
    });
    if let Some(path) = installed {
        let share = ["share/mysql", "share/mariadb"].iter().find_map(|share| {
            let folder = path.parent()?.parent()?.join(share);
            folder.is_dir().then_some(folder)
        });
        if let Some(share) = share {
            return Ok(Program { path, libraries: Vec::new(), share });
        }
    }
    let tree = debian("mariadb", "mariadb-debian", "mariadb-server-core")?;
    let path = tree.join("usr/sbin/mariadbd");
    let libraries = files(&tree.join("usr/lib"))?.into_iter().filter(|path| path.is_dir()).collect();
    Ok(Program { path, libraries, share: tree.join("usr/share/mysql") })
}

/// A package of Debian, with what it needs and the system has not: the folder in the cache that has its files.
pub(crate) fn debian(name: &'static str, key: &str, package: &str) -> Result<PathBuf> {
    let root = unpacked(name, key, |folder| {
        let fetched = fetch(name, package, folder);
        // A machine that has never asked knows no packages; one that asked long ago, some that are gone.
        if fetched.is_err() && run(name, Command::new("apt-get").arg("update")).is_ok() {
            return fetch(name, package, folder);
        }
        fetched
    })?;
    Ok(root.join("root"))
}

fn fetch(name: &'static str, package: &str, folder: &Path) -> Result<()> {
    // What apt would install, and no more: libraries that the system has are its own.
    let simulate = ["install", "--simulate", "--no-install-recommends", package];
    let plan = run(name, Command::new("apt-get").args(simulate))?;
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    let packages: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect();
    run(name, Command::new("apt-get").arg("download").args(&packages).current_dir(folder))?;
    let tree = folder.join("root");
    for package in files(folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "deb")) {
        run(name, Command::new("dpkg-deb").arg("-x").arg(package).arg(&tree))?;
        fs::remove_file(package).map_err(|source| Error::file(package, source))?;
    }
    Ok(())
}

/// OceanBase: the server in the wheel `pylibseekdb`.
pub(crate) fn oceanbase() -> Result<Program> {
    let root = unpacked("oceanbase", &format!("pylibseekdb-{SEEKDB}"), |folder| {
        let wheel = format!("pylibseekdb=={SEEKDB}");
        let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", "."];
        run("oceanbase", Command::new("python3").args(pip).arg(&wheel).current_dir(folder))?;
        for wheel in files(folder)?.iter().filter(|path| path.extension().is_some_and(|end| end == "whl")) {
            let unzip = ["-m", "zipfile", "-e"];
            run("oceanbase", Command::new("python3").args(unzip).arg(wheel).arg(".").current_dir(folder))?;
            fs::remove_file(wheel).map_err(|source| Error::file(wheel, source))?;
        }
        let server = folder.join("pylibseekdb/seekdb");
        run("oceanbase", Command::new("chmod").arg("+x").arg(&server)).map(drop)
    })?;
    let share = root.join("pylibseekdb");
    let libraries = vec![share.clone(), root.join("pylibseekdb.libs")];
    Ok(Program { path: share.join("seekdb"), libraries, share })
}

/// A folder of the cache that `fill` fills once, whoever asks.
fn unpacked(name: &'static str, key: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache_folder()?;
    let folder = cache.join(key);
    if folder.is_dir() {
        return Ok(folder);
    }
    make_folder(&cache)?;
    let _lock = lock(&cache.join(format!("{key}.lock")))?;
    if !folder.is_dir() {
        // Renamed when it is whole; what was interrupted before is begun again.
        let unfinished = cache.join(format!("{key}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(|source| Error::file(&unfinished, source))?;
        }
        make_folder(&unfinished)?;
        let progress = Progress::start(format!("fetching {name}"));
        let filled = fill(&unfinished);
        progress.finish(filled.is_ok());
        filled?;
        fs::rename(&unfinished, &folder).map_err(|source| Error::file(&folder, source))?;
    }
    Ok(folder)
}

fn run(server: &'static str, command: &mut Command) -> Result<Output> {
    let output = command.output();
    let failed = |detail: String| Error::Fetch { server, command: format!("{command:?}"), detail };
    match output {
        Ok(output) if output.status.success() => Ok(output),
        Ok(output) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let read =
        || -> io::Result<Vec<PathBuf>> { fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect() };
    read().map_err(|source| Error::file(folder, source))
}
