//! How a MariaDB is started.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Launch, Tls};
use crate::{
    Error, Result,
    binaries::{self, Program},
    certificates::Certificates,
    log_tail::log_tail,
    ports::free_port,
};

/// Makes the first files of a server, and says how to run it.
pub(super) fn prepare(folder: &Path, tls: bool) -> Result<(Launch, Option<Tls>)> {
    let program = binaries::mariadb()?;
    let data = folder.join("data");
    // A server that starts clears away what it takes for its own in a folder for temporary files.
    let temporary = folder.join("tmp");
    for folder in [&data, &temporary] {
        fs::create_dir(folder).map_err(|source| Error::file(folder, source))?;
    }
    let common = common(&program, &data, &temporary);
    initialise(&program, &common, folder)?;

    let socket = folder.join("socket");
    let mut arguments = common;
    arguments.extend([
        format!("--socket={}", socket.display()),
        format!("--pid-file={}", folder.join("pid").display()),
        "--skip-name-resolve".to_owned(),
        "--max-connections=400".to_owned(),
    ]);
    let tls = if tls {
        let certificates = Certificates::generate("mariadb")?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|source| Error::file(&path, source)).map(|()| path)
        };
        let authority = write("ca.pem", &certificates.authority)?;
        let certificate = write("server.pem", &certificates.server.certificate)?;
        let key = write("server-key.pem", &certificates.server.key)?;
        let port = free_port()?;
        arguments.extend([
            "--bind-address=127.0.0.1".to_owned(),
            format!("--port={port}"),
            format!("--ssl-ca={}", authority.display()),
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
            "--require-secure-transport".to_owned(),
        ]);
        Some(Tls { port, authority })
    } else {
        arguments.push("--skip-networking".to_owned());
        None
    };
    let (path, arguments) = with_libraries(&program, arguments);
    Ok((Launch { name: "mariadb", program: path, arguments, socket }, tls))
}

/// What the first start and every later one have in common: small, and as durable as the defaults are.
fn common(program: &Program, data: &Path, temporary: &Path) -> Vec<String> {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", data.display()),
        format!("--tmpdir={}", temporary.display()),
        format!("--lc-messages-dir={}", program.share.join("english").display()),
        format!("--character-sets-dir={}", program.share.join("charsets").display()),
        "--innodb-buffer-pool-size=64M".to_owned(),
        "--innodb-log-file-size=32M".to_owned(),
    ];
    // It refuses to run as root unless it is told to.
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        arguments.push("--user=root".to_owned());
    }
    arguments
}

/// Makes the system's tables, as `mariadb-install-db` does, without a password for root on the socket and without
/// help texts.
fn initialise(program: &Program, common: &[String], folder: &Path) -> Result<()> {
    let mut sql = "create database mysql;\nuse mysql;\nset @auth_root_socket=NULL;\n".to_owned();
    for script in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
        let path = program.share.join(script);
        let text = fs::read_to_string(&path).map_err(|source| Error::file(&path, source))?;
        let lines = text.lines().filter(|line| !line.contains("@current_hostname"));
        lines.for_each(|line| {
            sql.push_str(line);
            sql.push('\n');
        });
    }
    let (script, log) = (folder.join("initialise.sql"), folder.join("initialise.log"));
    fs::write(&script, sql).map_err(|source| Error::file(&script, source))?;
    let arguments = [common, &["--bootstrap".to_owned()]].concat();
    let (path, arguments) = with_libraries(program, arguments);
    let open =
        |file: &PathBuf, opened: std::io::Result<File>| opened.map_err(|source| Error::file(file, source));
    let (input, output) = (open(&script, File::open(&script))?, open(&log, File::create(&log))?);
    let errors = open(&log, output.try_clone())?;
    let status = Command::new(&path)
        .args(&arguments)
        .stdin(Stdio::from(input))
        .stdout(output)
        .stderr(errors)
        .status()
        .map_err(|source| Error::file(&path, source))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Initialise { server: "mariadb", detail: log_tail(&log) })
    }
}

/// The same command with the program's own libraries in front of the system's.
pub(super) fn with_libraries(program: &Program, arguments: Vec<String>) -> (PathBuf, Vec<String>) {
    if program.libraries.is_empty() {
        return (program.path.clone(), arguments);
    }
    let folders: Vec<_> = program.libraries.iter().map(|folder| folder.display().to_string()).collect();
    let mut all = vec![format!("LD_LIBRARY_PATH={}", folders.join(":")), program.path.display().to_string()];
    all.extend(arguments);
    (PathBuf::from("env"), all)
}
