//! A file that is moved aside when it is large.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The time in the name of an old file, to the millisecond.
const TIME: &str = "%Y-%m-%dT%H-%M-%S%.3f";

/// When a file is moved aside, and what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Most bytes in one file; what would go beyond begins the next.
    pub largest: u64,
    /// How many old files are kept; 0 for all of them.
    pub backups: usize,
}

impl Default for Rotation {
    /// 100 MiB, and all old files are kept, as kube-apiserver does.
    fn default() -> Self {
        Self { largest: 100 << 20, backups: 0 }
    }
}

/// A file that is written by whole calls of [`Write::write`]: none of them is divided between two files. Old files are
/// beside it, with the time at which they were moved aside: `audit-2026-01-31T08-00-00.000.log`, as kube-apiserver
/// names them. Only the owner can read them.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    length: u64,
}

impl RotatingFile {
    /// Opens a file to write behind what it has; it is made if it is not there, its folder too.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: impl Into<PathBuf>, rotation: Rotation) -> io::Result<Self> {
        let path = path.into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let file = open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, rotation, file, length })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let mut old = self.old_files()?;
        let newest = old.last().and_then(|path| self.moved_at(path));
        // Names order the files: two moved in one millisecond, or a clock that was set back, must not change that.
        let now = newest.map_or_else(Timestamp::now, |newest| {
            Timestamp::now().max(newest + SignedDuration::from_millis(1))
        });
        let aside = self.aside(now);
        fs::rename(&self.path, &aside)?;
        old.push(aside);
        self.file = open(&self.path)?;
        self.length = 0;
        if self.rotation.backups == 0 {
            return Ok(());
        }
        let surplus = old.len().saturating_sub(self.rotation.backups);
        old[..surplus].iter().try_for_each(fs::remove_file)
    }

    fn aside(&self, now: Timestamp) -> PathBuf {
        let (before, after) = names(&self.path);
        self.path.with_file_name(format!("{before}{}{after}", now.strftime(TIME)))
    }

    /// When a file beside this one was moved aside, by its name; `None` for what is no old file of this one.
    fn moved_at(&self, path: &Path) -> Option<Timestamp> {
        let (before, after) = names(&self.path);
        let time = path.file_name()?.to_str()?.strip_prefix(&before)?.strip_suffix(&after)?;
        DateTime::strptime(TIME, time).ok()?.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
    }

    /// The files that were moved aside, the oldest first.
    fn old_files(&self) -> io::Result<Vec<PathBuf>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut old: Vec<PathBuf> = fs::read_dir(folder.unwrap_or(Path::new(".")))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| self.moved_at(path).is_some())
            .collect();
        old.sort_unstable();
        Ok(old)
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length > 0 && self.length + bytes.len() as u64 > self.rotation.largest {
            self.rotate()?;
        }
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// What is before and behind the time in the names of old files.
fn names(path: &Path) -> (String, String) {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let after = text(path.extension()).map(|extension| format!(".{extension}")).unwrap_or_default();
    (format!("{}-", text(path.file_stem()).unwrap_or_default()), after)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn lines_stay_whole_and_the_newest_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/audit.log");
        let rotation = Rotation { largest: 25, backups: 2 };
        let mut file = RotatingFile::open(&path, rotation).unwrap();
        fs::write(path.with_file_name("audit-notes.log"), "not ours").unwrap();
        for number in 0..10 {
            file.write_all(format!("line {number:04}\n").as_bytes()).unwrap();
        }
        drop(file);
        let mut kept: Vec<String> = fs::read_dir(path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        kept.sort();
        assert_eq!(kept.len(), 4, "{kept:?}");
        let text: String = kept
            .iter()
            .filter(|name| !name.contains("notes"))
            .map(|name| fs::read_to_string(path.with_file_name(name)).unwrap())
            .collect();
        assert_eq!(text, "line 0004\nline 0005\nline 0006\nline 0007\nline 0008\nline 0009\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        // What is there counts, and a name from the future stays older than what is moved aside now.
        let future = path.with_file_name("audit-2999-01-31T08-00-00.000.log");
        fs::write(&future, "line 0003\n").unwrap();
        let mut again = RotatingFile::open(&path, rotation).unwrap();
        again.write_all(b"line 0010\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 0010\n");
        assert_eq!(
            again.old_files().unwrap(),
            [future.clone(), path.with_file_name("audit-2999-01-31T08-00-00.001.log")]
        );
    }

    #[test]
    fn a_line_that_is_too_long_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = RotatingFile::open(&path, Rotation { largest: 4, backups: 0 }).unwrap();
        file.write_all(b"0123456789\n").unwrap();
        file.write_all(b"1\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
