//! Keeps a second process out.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::fault;
use crate::StoreError;

/// Held as long as the file is in use. The system lets it go when the process ends, however it ends.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock file beside the database. It is left there: taking it away would let two processes hold two
    /// files of one name.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)
        };
        let mut file = open().map_err(|source| fault::io(database, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                // It only serves the message.
                let _read = file.read_to_string(&mut process);
                let process = process.trim().parse().ok();
                return Err(StoreError::Locked { place: database.into(), process });
            }
            Err(TryLockError::Error(source)) => return Err(fault::io(database, source)),
        }
        // For whoever is refused. Where there is no space for it, the lock holds all the same.
        let _noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}
