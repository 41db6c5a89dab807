//! What a copy of the store needs of the functions that calls made, besides their rows.

use std::{fs, io, path::Path};

use gatepost_gateway::new_id::hex;
use sha2::{Digest, Sha256};

use super::{
    code::package_folder_in,
    made::{Code, MadeFunction},
};

/// The code of a function.
#[derive(Debug, Default)]
pub struct Needed {
    /// The names of its packages' files.
    pub packages: Vec<String>,
    /// Folders and archives of this machine that it is run from in place.
    pub local: Vec<String>,
}

/// What the code of a function is, by its document in the store.
///
/// # Errors
/// The document is none that this Gatepost writes.
pub fn needed(document: &str) -> Result<Needed, serde_json::Error> {
    let function: MadeFunction = serde_json::from_str(document)?;
    let mut needed = Needed::default();
    for revision in function.versions.iter().chain([&function.latest]) {
        match &revision.code {
            Code::Package { file, .. } => needed.packages.push(file.clone()),
            Code::Local { path } => needed.local.push(path.display().to_string()),
            Code::OfTemplate { .. } => {}
        }
    }
    needed.packages.sort();
    needed.packages.dedup();
    needed.local.sort();
    needed.local.dedup();
    Ok(needed)
}

/// A package of a state folder.
///
/// # Errors
/// It cannot be read, or is not what was uploaded.
pub fn read(state_folder: &Path, file: &str) -> io::Result<Vec<u8>> {
    let content = fs::read(package_folder_in(state_folder).join(file))?;
    if format!("{}.zip", hex(&Sha256::digest(&content))) != file {
        return Err(io::Error::other("it is not what was uploaded"));
    }
    Ok(content)
}
