//! A copy of a store: consistent, whatever is written meanwhile, and whole before it has its name. It
//! carries the packages of the functions that calls made, which lie beside the store, and which the
//! first start from the copy lays down again.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection as Database, OpenFlags, OptionalExtension, params};

use super::{ReadError, Store, StoreError, apis, control, functions, private_file, schema};
use crate::new_id;

/// Packages of functions, by the names of their files: in copies only.
const PACKAGES: &str =
    "CREATE TABLE carried_packages (file TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something of its name.
    #[error("{0} is there already: name a new file")]
    Exists(PathBuf),
    /// SQLite could not be told its name.
    #[error("{} cannot be the copy's name, for it is no UTF-8: give the copy another", .0.display())]
    NotUtf8(PathBuf),
    /// What is copied is no store, or one of another version.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The copy cannot be written.
    #[error("{path} cannot be written: {error}")]
    Write {
        /// The copy.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The store could not be copied.
    #[error("the store could not be copied: {0}; nothing is left of the copy")]
    Copy(#[from] rusqlite::Error),
    /// What was copied is not whole.
    #[error("the copy is not whole ({0}); it was removed: look at the disk")]
    Damaged(String),
}

/// A copy that is being made; it goes unless it is finished.
#[derive(Debug)]
pub struct Backup {
    database: Database,
    partial: Partial,
    to: PathBuf,
    version: i64,
}

/// A file that is removed unless it is kept.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Backup {
    /// Copies the store at `from` as it is at this moment, beside where it shall be: `to`. Whoever
    /// writes the store is not held up. Blocks.
    ///
    /// # Errors
    /// [`BackupError`]; then nothing is left.
    pub fn begin(from: &Path, to: &Path) -> Result<Self, BackupError> {
        if fs::symlink_metadata(to).is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        let damaged = |source| StoreError::Damaged {
            path: from.to_owned(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Database::open_with_flags(from, flags).map_err(damaged)?;
        schema::check_readable(&source, from)?;
        let version = user_version(&source).map_err(damaged)?;
        let name = partial_name(to)?;
        let partial = Self::new_file(&name).map_err(write_error(to))?;
        // One reading transaction: what is written meanwhile is not in it.
        source.execute("VACUUM INTO ?1", [&name])?;
        let database = Database::open(&partial.0)?;
        database.execute_batch("DROP TABLE IF EXISTS carried_packages")?;
        database.execute_batch(PACKAGES)?;
        Ok(Self {
            database,
            partial,
            to: to.to_owned(),
            version,
        })
    }

    /// An empty file for this user only.
    fn new_file(path: &str) -> io::Result<Partial> {
        let path = PathBuf::from(path);
        let mode = private_file::MODE;
        let options = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        options?;
        Ok(Partial(path))
    }

    /// The functions that calls made, as the copy has them: name and document.
    ///
    /// # Errors
    /// [`BackupError::Copy`].
    pub fn functions(&self) -> Result<Vec<(String, String)>, BackupError> {
        Ok(functions::read(&self.database)?)
    }

    /// Lets the copy carry a package.
    ///
    /// # Errors
    /// [`BackupError::Copy`].
    pub fn carry(&self, file: &str, content: &[u8]) -> Result<(), BackupError> {
        let insert = "INSERT OR REPLACE INTO carried_packages VALUES (?1, ?2)";
        self.database.execute(insert, params![file, content])?;
        Ok(())
    }

    /// Reads the whole copy, puts it on the disk and gives it its name; its bytes.
    ///
    /// # Errors
    /// [`BackupError`]; then nothing is left.
    pub fn finish(self) -> Result<u64, BackupError> {
        let Self {
            database,
            partial,
            to,
            version,
        } = self;
        verify(&database, version)?;
        drop(database);
        let bytes = put_down(&partial.0, &to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(to.clone()),
            _ => write_error(&to)(error),
        })?;
        Ok(bytes)
    }
}

/// Where the copy is until it is whole: beside `to`. SQLite takes names of UTF-8 only, and another
/// than was meant would not be the file that is for this user only.
fn partial_name(to: &Path) -> Result<String, BackupError> {
    let name = to.to_str();
    let name = name.ok_or_else(|| BackupError::NotUtf8(to.to_owned()))?;
    Ok(format!("{name}.partial-{}", new_id::uuid()))
}

fn write_error(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    |error| BackupError::Write { path, error }
}

fn user_version(database: &Database) -> rusqlite::Result<i64> {
    database.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whether every page and index is right, and a Gatepost could start from it.
fn verify(database: &Database, version: i64) -> Result<(), BackupError> {
    let found: String = database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(BackupError::Damaged(found));
    }
    if user_version(database)? != version {
        return Err(BackupError::Damaged("its version is another".into()));
    }
    let key = "SELECT length(value) FROM meta WHERE key = 'connection_id_key'";
    let key: Option<i64> = database.query_row(key, [], |row| row.get(0)).optional()?;
    if key != Some(32) {
        let missing = "the key of the connection ids is missing";
        return Err(BackupError::Damaged(missing.into()));
    }
    // An earlier version has other tables, and what reads them brings them to this one.
    if version == schema::VERSION {
        let damaged = |error: rusqlite::Error| BackupError::Damaged(error.to_string());
        control::read(database).map_err(damaged)?;
        apis::read(database).map_err(damaged)?;
    }
    Ok(())
}

/// Gives a file that is whole on the disk its name, unless there is one of that name.
fn put_down(partial: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(partial)?;
    file.sync_all()?;
    match fs::hard_link(partial, to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has links.
        Err(_) => rename_to_new(partial, to)?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Gives a file another name, unless there is one of that name.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(to)?;
    let renamed = fs::rename(from, to);
    if renamed.is_err() {
        let _ = fs::remove_file(to);
    }
    renamed
}

impl Store {
    /// The packages that a copy carries, once they are laid down by `keep`; they are in the store no
    /// more then. Blocks.
    ///
    /// # Errors
    /// [`ReadError`], and what `keep` says; then the store carries them on.
    pub fn lay_down_packages<E: From<ReadError>>(
        &self,
        mut keep: impl FnMut(&str, Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let database = self.control.lock();
        let is_copy = has_packages(&database).map_err(ReadError::from)?;
        if !is_copy {
            return Ok(());
        }
        // One at a time: together they may not fit the memory.
        for file in package_names(&database).map_err(ReadError::from)? {
            let select = "SELECT content FROM carried_packages WHERE file = ?1";
            let content = database.query_row(select, [&file], |row| row.get(0));
            keep(&file, content.map_err(ReadError::from)?)?;
        }
        let dropped = database.execute_batch("DROP TABLE carried_packages");
        dropped.map_err(ReadError::from)?;
        Ok(())
    }
}

fn has_packages(database: &Database) -> rusqlite::Result<bool> {
    let table = "SELECT 1 FROM sqlite_master WHERE name = 'carried_packages'";
    database.prepare(table)?.exists([])
}

fn package_names(database: &Database) -> rusqlite::Result<Vec<String>> {
    database
        .prepare("SELECT file FROM carried_packages ORDER BY file")?
        .query_map([], |row| row.get(0))?
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsStr,
        os::unix::{ffi::OsStrExt, fs::PermissionsExt},
        time::Duration,
    };

    use super::*;
    use crate::store::Retention;

    fn store(folder: &Path) -> (PathBuf, std::sync::Arc<Store>) {
        let path = folder.join("store.sqlite");
        let retention = Retention {
            max_tombstones: 10,
            tombstone_age: Duration::from_secs(60),
            log_age: Duration::from_secs(60),
            max_bytes: 1 << 30,
        };
        let store = Store::open(&path, retention).unwrap();
        (path, store)
    }

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with("store.sqlite"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_copy_is_for_its_user_only_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (from, _store) = store(folder.path());
        let to = folder.path().join("copy");
        Backup::begin(&from, &to).unwrap().finish().unwrap();
        assert_eq!(
            fs::metadata(&to).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let before = fs::read(&to).unwrap();
        let refused = Backup::begin(&from, &to).unwrap_err();
        assert!(matches!(refused, BackupError::Exists(_)));
        // Nor what comes while it is made.
        let other = folder.path().join("other");
        let begun = Backup::begin(&from, &other).unwrap();
        fs::write(&other, "mine").unwrap();
        assert!(matches!(begun.finish(), Err(BackupError::Exists(_))));
        assert_eq!(fs::read_to_string(&other).unwrap(), "mine");
        assert_eq!(fs::read(&to).unwrap(), before);
        assert_eq!(entries(folder.path()), ["copy", "other"]);
    }

    #[test]
    fn a_copy_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (from, _store) = store(folder.path());
        drop(Backup::begin(&from, &folder.path().join("copy")).unwrap());
        assert_eq!(entries(folder.path()), [""; 0]);
    }

    #[test]
    fn a_name_that_sqlite_cannot_be_told_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (from, _store) = store(folder.path());
        let to = folder.path().join(OsStr::from_bytes(b"copy-\xff"));
        let refused = Backup::begin(&from, &to).unwrap_err();
        assert!(matches!(&refused, BackupError::NotUtf8(name) if *name == to));
        assert!(refused.to_string().ends_with(
            "copy-\u{fffd} cannot be the copy's name, for it is no UTF-8: give the copy another"
        ));
        assert_eq!(entries(folder.path()), [""; 0]);
    }

    #[test]
    fn without_links_a_name_is_not_taken_in_vain() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        assert!(rename_to_new(&from, &to).is_err());
        assert_eq!(entries(folder.path()), [""; 0]);
        fs::write(&from, "copy").unwrap();
        rename_to_new(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "copy");
        fs::write(&from, "another").unwrap();
        let taken = rename_to_new(&from, &to).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&to).unwrap(), "copy");
    }

    #[test]
    fn a_damaged_copy_is_found_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, _store) = store(folder.path());
        let to = folder.path().join("copy");
        let lacking = Backup::begin(&from, &to).unwrap();
        lacking
            .database
            .execute("DELETE FROM meta WHERE key = 'connection_id_key'", [])
            .unwrap();
        assert!(matches!(lacking.finish(), Err(BackupError::Damaged(_))));
        let broken = Backup::begin(&from, &to).unwrap();
        broken
            .database
            .execute("INSERT INTO api_keys VALUES ('a', 'no document')", [])
            .unwrap();
        assert!(matches!(broken.finish(), Err(BackupError::Damaged(_))));
        let another = Backup::begin(&from, &to).unwrap();
        another
            .database
            .pragma_update(None, "user_version", 1)
            .unwrap();
        assert!(matches!(another.finish(), Err(BackupError::Damaged(_))));
        assert_eq!(entries(folder.path()), [""; 0]);
    }

    #[test]
    fn packages_are_carried_and_laid_down_once() {
        let folder = tempfile::tempdir().unwrap();
        let (from, _store) = store(folder.path());
        let copied = tempfile::tempdir().unwrap();
        let to = copied.path().join("store.sqlite");
        let backup = Backup::begin(&from, &to).unwrap();
        backup.carry("one.zip", b"first").unwrap();
        backup.carry("two.zip", b"second").unwrap();
        backup.finish().unwrap();
        let (_, copy) = store(copied.path());
        let refused =
            copy.lay_down_packages(|_, _| Err(ReadError::from(rusqlite::Error::InvalidQuery)));
        assert!(refused.is_err());
        let mut laid_down = Vec::new();
        let lay_down = |file: &str, content| {
            laid_down.push((file.to_owned(), content));
            Ok::<_, ReadError>(())
        };
        copy.lay_down_packages(lay_down).unwrap();
        let expected = [
            ("one.zip", b"first".to_vec()),
            ("two.zip", b"second".to_vec()),
        ];
        assert_eq!(
            laid_down,
            expected.map(|(file, content)| (file.to_owned(), content))
        );
        copy.lay_down_packages(|_, _| -> Result<(), ReadError> { unreachable!() })
            .unwrap();
    }
}
