//! A function's code and layers as folders: archives and inline text are laid out in the state
//! folder, named by their content, so that each is unpacked once.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::SystemTime,
};

use gatepost_model::function::{Function, FunctionCode, Runtime};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use gatepost_gateway::new_id::hex;

/// Lambda's quota for unzipped code, bytes.
const MAX_UNZIPPED: u64 = 262_144_000;
/// Files that a fingerprint looks at; a folder with more is compared by these.
const MAX_FINGERPRINT_FILES: usize = 20_000;
/// Folders that no function is edited in.
const NOT_SOURCES: [&str; 6] = [
    ".git",
    ".gatepost",
    ".venv",
    "__pycache__",
    "node_modules",
    "target",
];

/// A function's code, ready to run.
#[derive(Debug)]
pub(super) struct Prepared {
    /// `LAMBDA_TASK_ROOT`.
    pub root: PathBuf,
    /// Each is what AWS lays under `/opt`.
    pub layers: Vec<PathBuf>,
    /// Differs when the code does.
    pub fingerprint: u64,
}

/// Why code cannot run.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodeError {
    #[error("the code {} does not exist: build the app, or correct CodeUri", .0.display())]
    Missing(PathBuf),
    #[error("inline code is for Python and Node.js: give a folder with an executable `bootstrap`")]
    InlineProvided,
    #[error("{} is not a zip archive that can be unpacked: {cause}", .path.display())]
    Zip { path: PathBuf, cause: String },
    #[error("{} is larger than {MAX_UNZIPPED} bytes when unpacked, which AWS refuses too", .path.display())]
    TooLarge { path: PathBuf },
    #[error("{}: {cause}", .path.display())]
    Io { path: PathBuf, cause: io::Error },
}

/// Of the state folder, what is of functions.
const FOLDER: &str = "lambda";
/// Of that, the packages that were uploaded.
const PACKAGES: &str = "packages";

/// Where uploaded packages lie.
pub(super) fn package_folder_in(state_folder: &Path) -> PathBuf {
    state_folder.join(FOLDER).join(PACKAGES)
}

/// Where unpacked code lives.
pub(super) struct CodeStore {
    folder: PathBuf,
    unpacked: Mutex<HashMap<PathBuf, (Stamp, PathBuf)>>,
}

/// What changes when a file is written.
type Stamp = (u64, Option<SystemTime>);

impl CodeStore {
    pub fn new(state_folder: &Path) -> Self {
        let folder = state_folder.join(FOLDER);
        Self {
            folder: std::path::absolute(&folder).unwrap_or(folder),
            unpacked: Mutex::default(),
        }
    }

    /// Caches of the runtimes, kept out of the code.
    pub fn cache_folder(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// Forgets Python's bytecode of a function's own code. Python takes bytecode for current by
    /// the source's size and second, which an edit may leave as they were.
    pub fn forget_bytecode(&self, function: &Function) {
        let FunctionCode::Directory(folder) = &function.code else {
            return;
        };
        let cached = self
            .cache_folder()
            .join(folder.strip_prefix("/").unwrap_or(folder));
        let Ok(entries) = fs::read_dir(cached) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let is_source = !NOT_SOURCES.iter().any(|name| entry.file_name() == *name);
            if is_source {
                // What cannot be removed is at worst taken for current.
                let _ = fs::remove_file(entry.path());
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Where the runtimes' own files are: `LAMBDA_RUNTIME_DIR`.
    pub fn runtime_folder(&self) -> PathBuf {
        self.folder.join("runtime")
    }

    /// Lays out code and layers. Reads and writes files: not for an async task.
    pub fn prepare(&self, function: &Function) -> Result<Prepared, CodeError> {
        let root = match &function.code {
            FunctionCode::Directory(path) => existing(path)?,
            FunctionCode::Zip(path) => self.unzipped(path)?,
            FunctionCode::Inline(text) => self.inline(&function.runtime, text)?,
        };
        let layers = function.layers.iter().map(|layer| {
            if layer.is_file() {
                self.unzipped(layer)
            } else {
                existing(layer)
            }
        });
        Ok(Prepared {
            root,
            layers: layers.collect::<Result<_, _>>()?,
            fingerprint: fingerprint(function),
        })
    }

    /// What was unpacked, by the SHA-256 of what it came from.
    fn code_folder(&self) -> PathBuf {
        self.folder.join("code")
    }

    /// Packages that were uploaded.
    pub fn package_folder(&self) -> PathBuf {
        self.folder.join(PACKAGES)
    }

    /// Lays a package down under the name of its SHA-256, once it is unpacked and so known to be one.
    /// Writes files: not for an async task.
    pub fn keep_package(&self, package: &[u8]) -> Result<(PathBuf, [u8; 32]), CodeError> {
        let (path, hash) = self.place_of(package);
        if path.is_file() {
            self.unzipped(&path)?;
            return Ok((path, hash));
        }
        let file = self.written(package)?;
        // Before anything names it.
        let synced = file.as_file().sync_all();
        synced.map_err(io_error(&path))?;
        self.lay_out(self.code_folder().join(hex(&hash)), |folder| {
            unzip(file.path(), folder)
        })?;
        file.persist(&path)
            .map_err(|error| io_error(&path)(error.error))?;
        Ok((path, hash))
    }

    /// As [`Self::keep_package`], and leaves nothing.
    pub fn check_package(&self, package: &[u8]) -> Result<(PathBuf, [u8; 32]), CodeError> {
        let (path, hash) = self.place_of(package);
        let file = self.written(package)?;
        let folder = tempfile::tempdir_in(self.package_folder()).map_err(io_error(&path))?;
        unzip(file.path(), folder.path())?;
        Ok((path, hash))
    }

    fn place_of(&self, package: &[u8]) -> (PathBuf, [u8; 32]) {
        let hash: [u8; 32] = Sha256::digest(package).into();
        let name = format!("{}.zip", hex(&hash));
        (self.package_folder().join(name), hash)
    }

    /// The package in a file that goes unless it is given a name.
    fn written(&self, package: &[u8]) -> Result<tempfile::NamedTempFile, CodeError> {
        let folder = self.package_folder();
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io_error(&folder))?;
        file.write_all(package).map_err(io_error(&folder))?;
        Ok(file)
    }

    /// Removes all packages but these, with what was unpacked of them.
    pub fn retain_packages(&self, used: &BTreeSet<PathBuf>) {
        let entries = fs::read_dir(self.package_folder()).into_iter();
        let paths = entries.flatten().flatten().map(|entry| entry.path());
        for path in paths.filter(|path| !used.contains(path)) {
            // What cannot be removed is removed at another start; the package, which says what was
            // unpacked, goes last.
            let code = path.file_stem().map(|hash| self.code_folder().join(hash));
            let code = code.filter(|folder| !self.is_in_use(folder));
            let removed = code.map_or(Ok(()), fs::remove_dir_all);
            if removed.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |()| true) {
                let _ = fs::remove_file(&path);
                let _ = fs::remove_dir_all(&path);
            }
        }
    }

    /// Whether an archive of the same content, perhaps of the template, runs from the folder.
    fn is_in_use(&self, folder: &Path) -> bool {
        let unpacked = self.unpacked.lock();
        unpacked.values().any(|(_, used)| used == folder)
    }

    /// Writes a text of ours where an interpreter can read it.
    pub fn runtime_file(&self, name: &str, text: &str) -> Result<PathBuf, CodeError> {
        let folder = self.runtime_folder().join(&digest(text.as_bytes())[..16]);
        self.lay_out(folder.clone(), |folder| {
            fs::write(folder.join(name), text).map_err(io_error(folder))
        })?;
        Ok(folder.join(name))
    }

    fn inline(&self, runtime: &Runtime, text: &str) -> Result<PathBuf, CodeError> {
        let name = match runtime {
            Runtime::Python(_) => "index.py",
            Runtime::Node(_) => "index.js",
            Runtime::Provided(_) => return Err(CodeError::InlineProvided),
        };
        let folder = self.code_folder().join(digest(text.as_bytes()));
        self.lay_out(folder, |folder| {
            fs::write(folder.join(name), text).map_err(io_error(folder))?;
            if name == "index.js" {
                // Without one, the `type` of a package.json further up would reach this file.
                fs::write(folder.join("package.json"), "{}").map_err(io_error(folder))?;
            }
            Ok(())
        })
    }

    fn unzipped(&self, archive: &Path) -> Result<PathBuf, CodeError> {
        let metadata = fs::metadata(archive).map_err(|_| CodeError::Missing(archive.into()))?;
        let stamp = (metadata.len(), metadata.modified().ok());
        if let Some((known, folder)) = self.unpacked.lock().get(archive)
            && *known == stamp
            && folder.is_dir()
        {
            return Ok(folder.clone());
        }
        let hash = digest_file(archive).map_err(io_error(archive))?;
        let folder = self.lay_out(self.code_folder().join(hash), |folder| {
            unzip(archive, folder)
        })?;
        self.unpacked
            .lock()
            .insert(archive.into(), (stamp, folder.clone()));
        Ok(folder)
    }

    /// Fills a folder beside its place and moves it there whole, so that nobody sees it half done.
    fn lay_out(
        &self,
        folder: PathBuf,
        fill: impl FnOnce(&Path) -> Result<(), CodeError>,
    ) -> Result<PathBuf, CodeError> {
        if folder.is_dir() {
            return Ok(folder);
        }
        let parent = folder.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(io_error(parent))?;
        let partial = tempfile::tempdir_in(parent).map_err(io_error(parent))?;
        fill(partial.path())?;
        match fs::rename(partial.path(), &folder) {
            // Somebody else may have been first: theirs is the same.
            Err(error) if !folder.is_dir() => Err(io_error(&folder)(error)),
            _ => Ok(folder),
        }
    }
}

fn existing(path: &Path) -> Result<PathBuf, CodeError> {
    fs::canonicalize(path).map_err(|_| CodeError::Missing(path.into()))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> CodeError + use<> {
    let path = path.to_owned();
    |cause| CodeError::Io { path, cause }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn digest_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 65_536]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&chunk[..length]),
        }
    }
}

/// Unpacks an archive and nothing outside of `folder`: names that climb out are refused, and links
/// are made when all folders and files are there, so that nothing is written through one.
fn unzip(archive: &Path, folder: &Path) -> Result<(), CodeError> {
    let zip_error = |cause: String| CodeError::Zip {
        path: archive.into(),
        cause,
    };
    let file = File::open(archive).map_err(io_error(archive))?;
    let mut zip = ZipArchive::new(file).map_err(|error| zip_error(error.to_string()))?;
    let (mut left, mut links) = (MAX_UNZIPPED, Vec::new());
    let mut chunk = vec![0; 65_536];
    for index in 0..zip.len() {
        let mut entry = zip
            .by_index(index)
            .map_err(|error| zip_error(error.to_string()))?;
        let name = entry
            .enclosed_name()
            .ok_or_else(|| zip_error("the name of an entry leads out of it".to_owned()))?;
        let target = folder.join(&name);
        let not_made = |error: io::Error| {
            if is_of_names(&error) {
                zip_error(format!("{}: {}", name.display(), error.kind()))
            } else {
                io_error(&target)(error)
            }
        };
        let parent = if entry.is_dir() {
            Some(target.as_path())
        } else {
            target.parent()
        };
        let parent = parent.unwrap_or(folder);
        fs::create_dir_all(parent).map_err(not_made)?;
        if entry.is_dir() {
            continue;
        }
        if entry.is_symlink() {
            let mut destination = String::new();
            let read = (&mut entry).take(4096).read_to_string(&mut destination);
            read.map_err(|error| zip_error(error.to_string()))?;
            links.push((destination, target));
            continue;
        }
        let mode = entry.unix_mode();
        let mut output = File::create(&target).map_err(not_made)?;
        loop {
            let length = match entry.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(zip_error(error.to_string())),
            };
            left = left
                .checked_sub(length as u64)
                .ok_or_else(|| CodeError::TooLarge {
                    path: archive.into(),
                })?;
            let written = output.write_all(&chunk[..length]);
            written.map_err(io_error(&target))?;
        }
        if let Some(mode) = mode {
            // The owner can always read and replace what is unpacked here.
            let permissions = fs::Permissions::from_mode(mode & 0o755 | 0o600);
            output
                .set_permissions(permissions)
                .map_err(io_error(&target))?;
        }
    }
    for (destination, link) in links {
        let made = symlink(destination, &link);
        made.map_err(|error| zip_error(format!("the link {}: {error}", link.display())))?;
    }
    Ok(())
}

/// Whether the names in an archive are why a file or folder cannot be made: two that are one, a
/// file that is a folder too, what is too long.
fn is_of_names(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
    )
}

/// A number that changes when a file of the code or a layer does, by sizes and times.
pub(super) fn fingerprint(function: &Function) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut left = MAX_FINGERPRINT_FILES;
    let code = match &function.code {
        FunctionCode::Directory(path) | FunctionCode::Zip(path) => Some(path),
        FunctionCode::Inline(text) => {
            text.hash(&mut hasher);
            None
        }
    };
    for path in code.into_iter().chain(&function.layers) {
        fingerprint_path(path, &mut hasher, &mut left);
    }
    hasher.finish()
}

fn fingerprint_path(path: &Path, hasher: &mut DefaultHasher, left: &mut usize) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if *left == 0 {
        return;
    }
    *left -= 1;
    path.hash(hasher);
    if !metadata.is_dir() {
        (metadata.len(), metadata.modified().ok()).hash(hasher);
        return;
    }
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| !NOT_SOURCES.iter().any(|name| entry.file_name() == *name))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        fingerprint_path(&path, hasher, left);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn archive(folder: &Path, fill: impl FnOnce(&mut ZipWriter<File>)) -> PathBuf {
        let path = folder.join("code.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        fill(&mut zip);
        zip.finish().unwrap();
        path
    }

    #[test]
    fn a_zip_is_unpacked_once_with_its_executable_bits() {
        let state = tempfile::tempdir().unwrap();
        let path = archive(state.path(), |zip| {
            let executable = SimpleFileOptions::default().unix_permissions(0o755);
            zip.start_file("bootstrap", executable).unwrap();
            zip.write_all(b"#!/bin/sh\n").unwrap();
            zip.start_file("lib/data.txt", SimpleFileOptions::default())
                .unwrap();
        });
        let store = CodeStore::new(state.path());
        let folder = store.unzipped(&path).unwrap();
        let mode = fs::metadata(folder.join("bootstrap"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(folder.join("lib/data.txt").is_file());
        assert_eq!(store.unzipped(&path).unwrap(), folder);
    }

    #[test]
    fn a_zip_cannot_write_outside_of_its_folder() {
        let state = tempfile::tempdir().unwrap();
        for fill in [
            (|zip| {
                zip.start_file("../evil", SimpleFileOptions::default())
                    .unwrap();
            }) as fn(&mut ZipWriter<File>),
            |zip| {
                let options = SimpleFileOptions::default();
                zip.add_symlink("up", "../..", options).unwrap();
                zip.add_symlink("up/evil", "x", options).unwrap();
            },
        ] {
            let path = archive(state.path(), fill);
            let error = CodeStore::new(state.path()).unzipped(&path).unwrap_err();
            assert!(matches!(error, CodeError::Zip { .. }), "{error}");
            assert!(!state.path().join("lambda/code/evil").exists());
            assert!(!state.path().join("lambda/evil").exists());
        }
    }

    #[test]
    fn names_that_no_folder_can_have_are_the_archives_fault() {
        let long = "n".repeat(256);
        let deep = vec!["d"; 3000].join("/");
        for names in [
            &["a", "a/b"][..],
            &["a", "a/b/c"],
            &["a/b", "a"],
            &[&long],
            &[&deep],
        ] {
            let state = tempfile::tempdir().unwrap();
            let path = archive(state.path(), |zip| {
                for name in names {
                    zip.start_file(*name, SimpleFileOptions::default()).unwrap();
                }
            });
            let store = CodeStore::new(state.path());
            let package = fs::read(path).unwrap();
            for refused in [store.keep_package(&package), store.check_package(&package)] {
                let error = refused.unwrap_err();
                assert!(matches!(error, CodeError::Zip { .. }), "{error}");
            }
            // Nothing of it stays.
            assert_eq!(fs::read_dir(store.package_folder()).unwrap().count(), 0);
            assert_eq!(fs::read_dir(store.code_folder()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_package_that_is_not_used_goes_with_what_was_unpacked_of_it() {
        let state = tempfile::tempdir().unwrap();
        let package = |name| {
            let path = archive(state.path(), |zip| {
                zip.start_file(name, SimpleFileOptions::default()).unwrap();
            });
            fs::read(path).unwrap()
        };
        let store = CodeStore::new(state.path());
        let code = |path: &Path| store.code_folder().join(path.file_stem().unwrap());
        let (kept, _) = store.keep_package(&package("kept")).unwrap();
        let (other, _) = store.keep_package(&package("other")).unwrap();
        let (checked, _) = store.check_package(&package("checked")).unwrap();
        assert!(kept.is_file() && code(&kept).is_dir());
        assert!(other.is_file() && code(&other).is_dir());
        assert!(!checked.exists() && !code(&checked).exists());
        CodeStore::new(state.path()).retain_packages(&BTreeSet::from([kept.clone()]));
        assert!(kept.is_file() && code(&kept).is_dir());
        assert!(!other.exists() && !code(&other).exists());
    }

    #[test]
    fn what_is_no_zip_is_refused_by_name() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("code.zip");
        fs::write(&path, "not a zip").unwrap();
        let error = CodeStore::new(state.path()).unzipped(&path).unwrap_err();
        assert!(
            error.to_string().contains("code.zip is not a zip archive"),
            "{error}"
        );
    }

    #[test]
    fn an_edit_changes_the_fingerprint() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.py"), "one").unwrap();
        let (mut hasher, mut left) = (DefaultHasher::new(), 10);
        fingerprint_path(folder.path(), &mut hasher, &mut left);
        let before = hasher.finish();
        fs::write(folder.path().join("app.py"), "three").unwrap();
        let (mut hasher, mut left) = (DefaultHasher::new(), 10);
        fingerprint_path(folder.path(), &mut hasher, &mut left);
        assert_ne!(hasher.finish(), before);
    }
}
