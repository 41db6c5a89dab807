//! The credentials of a container: ECS's agent, EKS Pod Identity, anything else at
//! `AWS_CONTAINER_CREDENTIALS_FULL_URI`.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use aws_credential_types::Credentials;
use bytes::Bytes;
use gatepost_model::secret::Secret;
use http_body_util::Full;
use hyper::{
    Request, Uri,
    header::{ACCEPT, AUTHORIZATION},
};

use super::{
    CredentialsError,
    ask::{Patience, ask},
    document::{self, said, sensitive},
};
use crate::integration::http_client::HttpClient;

/// Where ECS's agent listens.
const ECS: &str = "http://169.254.170.2";
/// Link-local addresses that may be asked without TLS: those of ECS and EKS.
const AGENTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];
const PATIENCE: Patience = Patience {
    attempts: 3,
    timeout: Duration::from_secs(2),
};

/// Where a container finds its credentials.
#[derive(Debug, Clone)]
pub struct ContainerEndpoint {
    uri: Uri,
    token: Token,
}

/// What is shown to whoever gives them.
#[derive(Debug, Clone)]
enum Token {
    None,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    Text(Secret),
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`, which is written anew from time to time.
    File(PathBuf),
}

/// A variable that names no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{variable}: `{value}` cannot be asked for credentials: it must be {expected}, as the container's \
     platform sets it"
)]
pub struct InvalidContainerUri {
    variable: &'static str,
    value: String,
    expected: &'static str,
}

impl ContainerEndpoint {
    /// The endpoint that variables name, with `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` before
    /// `…_FULL_URI`; `None` when they name none.
    ///
    /// # Errors
    /// [`InvalidContainerUri`].
    pub fn of_environment<'e>(
        variable: impl Fn(&str) -> Option<&'e str>,
    ) -> Result<Option<Self>, InvalidContainerUri> {
        const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        let invalid = |variable, value: &str, expected| InvalidContainerUri {
            variable,
            value: value.to_owned(),
            expected,
        };
        let uri = if let Some(path) = variable(RELATIVE) {
            let expected = "a path";
            let uri: Option<Uri> = format!("{ECS}{path}").parse().ok();
            let uri = uri.filter(|_| path.starts_with('/'));
            uri.ok_or_else(|| invalid(RELATIVE, path, expected))?
        } else if let Some(text) = variable(FULL) {
            let expected = "an https URL, or an http one of this machine, ECS or EKS";
            let uri: Option<Uri> = text.parse().ok();
            let uri = uri.filter(may_be_asked);
            uri.ok_or_else(|| invalid(FULL, text, expected))?
        } else {
            return Ok(None);
        };
        let token = match (
            variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        ) {
            (Some(file), _) => Token::File(file.into()),
            (None, Some(text)) => Token::Text(Secret::new(text)),
            (None, None) => Token::None,
        };
        Ok(Some(Self { uri, token }))
    }

    pub(super) async fn fetch(&self, client: &HttpClient) -> Result<Credentials, CredentialsError> {
        let fetched = self.ask(client).await;
        fetched.map_err(|what| {
            CredentialsError::not_given("the container's credentials endpoint", what)
        })
    }

    async fn ask(&self, client: &HttpClient) -> Result<Credentials, String> {
        let token = self.token.read().await?;
        let answer = ask(client, PATIENCE, || {
            let mut request = Request::get(self.uri.clone()).header(ACCEPT, "application/json");
            if let Some(token) = &token {
                let token = sensitive(token)
                    .ok_or("its authorization token has characters that no header may have")?;
                request = request.header(AUTHORIZATION, token);
            }
            let request = request.body(Full::new(Bytes::new()));
            request.map_err(|error| error.to_string())
        })
        .await?;
        if !answer.status().is_success() {
            let text = String::from_utf8_lossy(answer.body());
            return Err(format!("it answers {}: {}", answer.status(), said(&text)));
        }
        document::parse(answer.body())
    }
}

impl Token {
    async fn read(&self) -> Result<Option<Secret>, String> {
        match self {
            Self::None => Ok(None),
            Self::Text(text) => Ok(Some(text.clone())),
            Self::File(path) => {
                let path = path.clone();
                let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
                let text = text.map_err(std::io::Error::other).and_then(|text| text);
                let text = text.map_err(|error| {
                    format!(
                        "the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE cannot be read: {error}"
                    )
                })?;
                Ok(Some(Secret::new(text.trim_end())))
            }
        }
    }
}

/// Whether credentials may be asked for there: nobody may listen on the way.
fn may_be_asked(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => {
            let address: Option<IpAddr> = host.parse().ok();
            host == "localhost"
                || address.is_some_and(|address| {
                    address.is_loopback() || AGENTS.iter().any(|agent| agent.parse() == Ok(address))
                })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(variables: &[(&str, &'static str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| {
            let mut found = variables.iter().filter(|(variable, _)| *variable == name);
            found.next().map(|(_, value)| *value)
        };
        ContainerEndpoint::of_environment(variable)
            .map(|endpoint| endpoint.map(|endpoint| endpoint.uri.to_string()))
            .map_err(|error| error.to_string())
    }

    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

    #[test]
    fn a_container_is_asked_where_nobody_listens_on_the_way() {
        assert_eq!(endpoint(&[]), Ok(None));
        let ecs = "http://169.254.170.2/v2/credentials/x".to_owned();
        let both = [
            (RELATIVE, "/v2/credentials/x"),
            (FULL, "http://localhost/y"),
        ];
        assert_eq!(endpoint(&both), Ok(Some(ecs)));
        for asked in [
            "https://example.com/x",
            "http://127.0.0.1:8080/x",
            "http://[::1]/x",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
        ] {
            assert_eq!(endpoint(&[(FULL, asked)]), Ok(Some(asked.to_owned())));
        }
        for refused in [
            "http://example.com/x",
            "http://10.0.0.1/x",
            "http://127.0.0.1.example.com/x",
            "http://user@example.com/x",
            "ftp://localhost/x",
            "/x",
        ] {
            assert!(endpoint(&[(FULL, refused)]).is_err(), "{refused}");
        }
        assert!(endpoint(&[(RELATIVE, ".example.com/x")]).is_err());
    }

    #[test]
    fn its_token_is_not_printed() {
        let variable = |name: &str| match name {
            FULL => Some("http://localhost/x"),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN" => Some("hush-hush"),
            _ => None,
        };
        let endpoint = ContainerEndpoint::of_environment(variable).unwrap();
        assert!(!format!("{endpoint:?}").contains("hush"));
    }
}
