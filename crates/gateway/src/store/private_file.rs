//! The store holds the key of the connection ids, values of API keys and environments of functions:
//! its files are this user's only.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions, Permissions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

pub(super) const MODE: u32 = 0o600;

/// Makes the store's file if there is none, and takes the rights of others away if there is. What
/// SQLite makes beside it gets its mode. Whatever fails here, SQLite tells of when it opens the file;
/// a file whose mode is not ours to change is used as it is.
pub(super) fn ensure(path: &Path) {
    let _ = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path);
    for suffix in ["", "-wal", "-shm"] {
        let mut file = OsString::from(path);
        file.push(suffix);
        let file = Path::new(&file);
        let is_open = |metadata: fs::Metadata| metadata.permissions().mode() & 0o077 != 0;
        if fs::metadata(file).is_ok_and(is_open) {
            let _ = fs::set_permissions(file, Permissions::from_mode(MODE));
        }
    }
}
