//! `credential_process`: a program that prints credentials.

use std::{process::Stdio, time::Duration};

use aws_credential_types::Credentials;
use gatepost_model::secret::Secret;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use super::{CredentialsError, MAX_ANSWER_BYTES, document};

/// It may ask a human or a far server.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The `credential_process` of a profile.
#[derive(Debug, Clone)]
pub struct CredentialProcess {
    /// The profile.
    pub profile: String,
    /// The command, for the shell. It may hold secrets.
    pub command: Secret,
}

impl CredentialProcess {
    pub(super) async fn fetch(&self) -> Result<Credentials, CredentialsError> {
        let run = tokio::time::timeout(TIMEOUT, self.run()).await;
        let seconds = TIMEOUT.as_secs();
        let run = run.unwrap_or_else(|_| Err(format!("it did not end within {seconds} s")));
        run.map_err(|what| {
            let profile = &self.profile;
            let of = format!("the credential_process of the profile {profile}");
            let mend = format!(
                "{what}; to see what it does: aws configure export-credentials --profile {profile}"
            );
            CredentialsError::not_given(of, mend)
        })
    }

    async fn run(&self) -> Result<Credentials, String> {
        // What it says of its troubles may be secret.
        let mut child = Command::new("sh")
            .args(["-c", self.command.reveal()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("it does not start ({error})"))?;
        let stdout = child.stdout.take();
        let printed = match stdout {
            Some(stdout) => read(stdout).await?,
            None => Vec::new(),
        };
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if !status.success() {
            return Err(format!("it ended with {status}"));
        }
        document::parse(&printed)
    }
}

async fn read(stdout: impl AsyncRead + Unpin) -> Result<Vec<u8>, String> {
    let mut printed = Vec::new();
    let most = MAX_ANSWER_BYTES as u64 + 1;
    let mut stdout = stdout.take(most);
    stdout
        .read_to_end(&mut printed)
        .await
        .map_err(|error| error.to_string())?;
    if printed.len() > MAX_ANSWER_BYTES {
        return Err("it prints without end".to_owned());
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fetch(command: &str) -> Result<Credentials, String> {
        let process = CredentialProcess {
            profile: "dev".to_owned(),
            command: Secret::new(command),
        };
        process.fetch().await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_process_prints_credentials() {
        let printed =
            r#"printf '{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "%s"}' a' 'b"#;
        assert_eq!(fetch(printed).await.unwrap().secret_access_key(), "a b");
    }

    #[tokio::test]
    async fn a_process_that_fails_is_named_without_what_it_printed() {
        for (command, what) in [
            ("echo hush-hush >&2; exit 3", "it ended with exit status: 3"),
            ("echo hush-hush", "the answer is no JSON"),
            ("yes hush-hush", "it prints without end"),
        ] {
            assert_eq!(
                fetch(command).await.unwrap_err(),
                format!(
                    "the credential_process of the profile dev gives no credentials: {what}; to see \
                     what it does: aws configure export-credentials --profile dev"
                )
            );
        }
    }
}
