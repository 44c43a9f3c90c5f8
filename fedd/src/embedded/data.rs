//! What lies on the disk beside the database: the keys that make the server the same from one start to the next.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use federation_apiserver::Secrets;
use federation_apiserver::auth::Identity;
use jiff::Timestamp;

/// Where the data is if nobody says: `$XDG_DATA_HOME/fedd/fedd.db`, else `~/.local/share/fedd/fedd.db`.
pub fn default_data() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    base.unwrap_or_default().join("fedd/fedd.db")
}

/// The files beside a database.
pub struct DataFolder {
    data: PathBuf,
}

impl DataFolder {
    /// Those of a database; its folder is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn of(data: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = data.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(Self { data: data.to_owned() })
    }

    /// A path beside the database, with its name and an ending.
    pub fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.data.file_stem().unwrap_or_default().to_owned();
        name.push(ending);
        self.data.with_file_name(name)
    }

    /// The server's keys, in a folder beside the database.
    ///
    /// # Errors
    /// They cannot be read or written, or some are missing.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        secrets_in(&self.beside(".keys"))
    }
}

/// The server's keys in a folder, made at the first start. Whoever can read them can be the server and every user of
/// it.
///
/// # Errors
/// They cannot be read or written, or some are missing.
pub(super) fn secrets_in(folder: &Path) -> anyhow::Result<Secrets> {
    let path = |name: &str| folder.join(name);
    let files = [path("ca.crt"), path("ca.key"), path("service-account.key")];
    let there = files.iter().filter(|file| file.exists()).count();
    if there == files.len() {
        let read = |file: &PathBuf| {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        let authority = Identity { certificate: read(&files[0])?, key: read(&files[1])? };
        return Ok(Secrets { authority, token_key: read(&files[2])? });
    }
    if there > 0 {
        bail!(
            "{} holds some keys but not all of ca.crt, ca.key and service-account.key: put the missing ones back, or \
                 remove the folder, and clients need new kubeconfigs",
            folder.display()
        );
    }
    let secrets = Secrets::generate(Timestamp::now())?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let Identity { certificate, key } = &secrets.authority;
    for (file, text) in files.iter().zip([certificate, key, &secrets.token_key]) {
        write_private(file, text)?;
    }
    Ok(secrets)
}

/// Writes a file that only its owner can read, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(failed),
        _ => {}
    }
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).with_context(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&draft, path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_and_are_their_owners() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::of(&folder.path().join("a/b/fedd.db")).unwrap();
        let secrets = data.secrets().unwrap();
        assert!(data.secrets().unwrap() == secrets);
        let key = data.beside(".keys").join("ca.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(key).unwrap();
        assert!(data.secrets().err().unwrap().to_string().contains("not all of"));
    }
}
