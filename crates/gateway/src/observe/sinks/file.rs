//! A file of JSON lines that is rotated: `gatepost.log`, before that `gatepost.log.1`, and so on.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

/// Nobody but its owner reads it.
const MODE: u32 = 0o600;

/// Where logs are written, and how much of them is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    /// The file.
    pub path: PathBuf,
    /// Its greatest size, bytes.
    pub max_bytes: u64,
    /// How many files there are at most, with those of before.
    pub max_files: u32,
}

/// The file that is written.
#[derive(Debug)]
pub(super) struct RotatedFile {
    config: FileConfig,
    /// With its size; nothing after an error.
    open: Option<(File, u64)>,
}

impl RotatedFile {
    pub(super) fn open(config: FileConfig) -> io::Result<Self> {
        let mut file = Self { config, open: None };
        file.open = Some(file.reopened()?);
        Ok(file)
    }

    /// Appends whole lines, all of them or none, in a new file if this one would grow too large.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let (mut file, mut size) = match self.open.take() {
            Some(open) => open,
            None => self.reopened()?,
        };
        let length = lines.len() as u64;
        if size > 0 && size + length > self.config.max_bytes {
            drop(file);
            self.rotate()?;
            (file, size) = self.reopened()?;
        }
        if let Err(error) = file.write_all(lines) {
            // Half a line would spoil the next one.
            let _ = file.set_len(size);
            return Err(error);
        }
        self.open = Some((file, size + length));
        Ok(())
    }

    /// The file as it is now, at the beginning of a line.
    fn reopened(&self) -> io::Result<(File, u64)> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(MODE)
            .open(&self.config.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        if metadata.permissions().mode() & 0o777 != MODE {
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        let mut size = metadata.len();
        let mut last = [b'\n'];
        if size > 0 {
            file.read_exact_at(&mut last, size - 1)?;
        }
        if last != [b'\n'] {
            // Whoever wrote it was stopped in the middle of a line.
            file.write_all(b"\n")?;
            size += 1;
        }
        Ok((file, size))
    }

    /// Moves each file one further; the last one goes.
    fn rotate(&self) -> io::Result<()> {
        let last = self.config.max_files.saturating_sub(1);
        for number in (0..last).rev() {
            match fs::rename(self.path_of(number), self.path_of(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if last == 0 {
            fs::remove_file(&self.config.path)?;
        }
        Ok(())
    }

    fn path_of(&self, number: u32) -> PathBuf {
        if number == 0 {
            return self.config.path.clone();
        }
        let mut path = OsString::from(&self.config.path);
        path.push(format!(".{number}"));
        path.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotated(folder: &tempfile::TempDir, max_bytes: u64, max_files: u32) -> RotatedFile {
        RotatedFile::open(FileConfig {
            path: folder.path().join("log"),
            max_bytes,
            max_files,
        })
        .unwrap()
    }

    fn files(folder: &tempfile::TempDir) -> Vec<(String, String)> {
        let mut files: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(&path).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let files = files.iter();
        files
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    #[test]
    fn files_are_bounded_in_size_and_number_and_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = rotated(&folder, 4, 3);
        for line in ["1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        let expected = [("log", "7\n"), ("log.1", "5\n6\n"), ("log.2", "3\n4\n")];
        assert_eq!(files(&folder), named(&expected));
    }

    #[test]
    fn a_single_file_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = rotated(&folder, 4, 1);
        for line in ["1\n", "2\n", "3\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        assert_eq!(files(&folder), named(&[("log", "3\n")]));
    }

    #[test]
    fn a_file_of_before_is_gone_on_with_at_the_beginning_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), "whole\nhal").unwrap();
        rotated(&folder, 100, 2).write(b"next\n").unwrap();
        assert_eq!(files(&folder), named(&[("log", "whole\nhal\nnext\n")]));
    }

    #[test]
    fn a_file_that_cannot_be_rotated_is_an_error_and_loses_nothing_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = rotated(&folder, 4, 2);
        file.write(b"1\n2\n").unwrap();
        fs::create_dir(folder.path().join("log.1")).unwrap();
        assert!(file.write(b"3\n").is_err());
        fs::remove_dir(folder.path().join("log.1")).unwrap();
        file.write(b"4\n").unwrap();
        assert_eq!(
            files(&folder),
            named(&[("log", "4\n"), ("log.1", "1\n2\n")])
        );
    }
}
