//! How the kernel of OceanBase is started.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Launch, mariadb::with_libraries};
use crate::{Error, Result, binaries};

/// It ends by itself unless somebody holds this lock; the server's own process does, so that it is still the one to be
/// signalled.
const HOLD: &str = r#"exec 9>>"$1" && flock -s 9 && shift && exec "$@""#;

/// Says how to run it. The embedded form opens no TCP port.
pub(super) fn prepare(folder: &Path) -> Result<Launch> {
    let program = binaries::oceanbase()?;
    let base = folder.join("data");
    let run = base.join("run");
    fs::create_dir_all(&run).map_err(|source| Error::file(&run, source))?;
    let server = [
        "--nodaemon",
        "--embedded",
        "--base-dir",
        &base.display().to_string(),
        "--parameter",
        "memory_budget=1G",
        "--parameter",
        "log_disk_size=2G",
    ];
    let (path, server) = with_libraries(&program, server.map(str::to_owned).to_vec());
    let mut arguments = vec![
        "-c".to_owned(),
        HOLD.to_owned(),
        "sh".to_owned(),
        run.join("seekdb.clients").display().to_string(),
        path.display().to_string(),
    ];
    arguments.extend(server);
    Ok(Launch { name: "oceanbase", program: PathBuf::from("sh"), arguments, socket: run.join("sql.sock") })
}
