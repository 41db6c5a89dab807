//! Where the code of a function is read from.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::Line;

/// The code of a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Directory(PathBuf),
    Zip(PathBuf),
    /// Source in the template: its text, and the line before its first.
    Inline {
        template: PathBuf,
        text: String,
        before: Line,
    },
}

impl Code {
    pub(crate) fn at(path: &Path) -> Self {
        if path.is_dir() {
            Self::Directory(path.to_owned())
        } else {
            Self::Zip(path.to_owned())
        }
    }

    /// A file's path for people, its text, and the line before its first.
    pub(super) fn read(&self, name: &str, most: u64) -> Option<(PathBuf, String, Line)> {
        match self {
            Self::Directory(folder) => {
                let path = folder.join(name);
                let is_source = fs::metadata(&path).ok()?;
                if !is_source.is_file() || is_source.len() > most {
                    return None;
                }
                let text = fs::read_to_string(&path).ok()?;
                Some((path, text, 0))
            }
            Self::Zip(archive) => {
                let mut zip = zip::ZipArchive::new(fs::File::open(archive).ok()?).ok()?;
                let file = zip.by_name(name).ok()?;
                let mut text = String::new();
                // What it says of its size need not be true.
                let read = file.take(most + 1).read_to_string(&mut text).ok()?;
                (read as u64 <= most).then(|| (archive.join(name), text, 0))
            }
            Self::Inline {
                template,
                text,
                before,
            } => {
                let is_index = name.starts_with("index.") && name.matches('.').count() == 1;
                is_index.then(|| (template.clone(), text.clone(), *before))
            }
        }
    }
}
