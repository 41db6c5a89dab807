//! The token of the admin listener: the configured one, or one that is made at each start and left
//! in the state folder for the programs of this user.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use gatepost_model::secret::Secret;

use crate::{
    access::read_secret,
    config::{AdminConfig, SecretSource},
    node::{StartError, StateFolder},
    running::TOKEN_FILE,
};

/// The token of the admin listener, and the file that it was written to when it was made here.
type FoundToken = (Secret, Option<PathBuf>);

/// Removes the token that an earlier start made where one is configured, so that no command asks with it.
/// Until another Gatepost is taken over it is that one's.
///
/// # Errors
/// It is there, and stays.
pub fn forget_made(config: &AdminConfig, state: &Path) -> Result<(), StartError> {
    let path = state.join(TOKEN_FILE);
    let is_configured = |file: &Path| {
        let real = fs::canonicalize(file).ok();
        real.is_some() && real == fs::canonicalize(&path).ok()
    };
    match &config.token {
        None => return Ok(()),
        Some(SecretSource::File(file)) if is_configured(file) => return Ok(()),
        Some(_) => {}
    }
    match fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StartError::File { path, source })
        }
        _ => Ok(()),
    }
}

/// Finds or makes the token; one that was made stays when another Gatepost is taken over.
///
/// # Errors
/// It cannot be read or written.
pub fn find(
    config: &AdminConfig,
    state: &StateFolder,
    stays: bool,
) -> Result<FoundToken, StartError> {
    if let Some(source) = &config.token {
        let environment = env::vars().collect();
        let token = read_secret(source, "[admin] token", &environment)?;
        if token.reveal().is_empty() {
            let text = "[admin] token is empty: set it, or remove it and one is made";
            return Err(StartError::Usage(text.into()));
        }
        return Ok((token, None));
    }
    let path = state.path().join(TOKEN_FILE);
    if stays
        && let Ok(made) = fs::read_to_string(&path)
        && !made.is_empty()
    {
        return Ok((Secret::new(made), Some(path)));
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    let path = state.write(TOKEN_FILE, &text);
    let path = path.map_err(|source| StartError::File {
        path: state.path().join(TOKEN_FILE),
        source,
    })?;
    Ok((Secret::new(text), Some(path)))
}
