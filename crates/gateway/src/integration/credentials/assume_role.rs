//! Roles: STS `AssumeRole` and `AssumeRoleWithWebIdentity`.

use std::{path::PathBuf, time::Duration};

use aws_credential_types::Credentials;
use bytes::Bytes;
use form_urlencoded::Serializer;
use gatepost_model::secret::Secret;
use gatepost_wire::query_response::json_of_query_response;
use http_body_util::Full;
use hyper::{Request, Response, header::CONTENT_TYPE};

use super::{
    CredentialsError, Source,
    ask::{Patience, ask},
    document::{credentials_of, said},
};
use crate::{
    clock::now_ms,
    integration::{
        http_client::HttpClient,
        sign::{Scope, sign},
    },
};

const PATIENCE: Patience = Patience {
    attempts: 3,
    timeout: Duration::from_secs(10),
};

/// Where STS is.
#[derive(Debug, Clone)]
pub struct Sts {
    /// Scheme and authority, perhaps a path, without a slash at its end.
    pub url: String,
    /// The region that signatures are for.
    pub region: String,
}

/// A role that somebody with credentials assumes.
#[derive(Debug, Clone)]
pub struct AssumeRole {
    /// Whose credentials.
    pub source: Source,
    /// `role_arn`.
    pub role_arn: String,
    /// `role_session_name`; one is made up without.
    pub session_name: Option<String>,
    /// `external_id`.
    pub external_id: Option<String>,
    /// `duration_seconds`.
    pub duration_seconds: Option<u32>,
    /// Where STS is.
    pub sts: Sts,
}

/// A role that a token of another identity provider assumes, e.g. of a Kubernetes service account.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`, which is written anew from time to time.
    pub token_file: PathBuf,
    /// `AWS_ROLE_ARN`.
    pub role_arn: String,
    /// `AWS_ROLE_SESSION_NAME`; one is made up without.
    pub session_name: Option<String>,
    /// Where STS is.
    pub sts: Sts,
}

impl AssumeRole {
    pub(super) async fn fetch(
        &self,
        client: &HttpClient,
        own: &Credentials,
    ) -> Result<Credentials, CredentialsError> {
        let duration = self.duration_seconds.map(|seconds| seconds.to_string());
        let body = Sts::form(
            "AssumeRole",
            &self.role_arn,
            self.session_name.as_deref(),
            &[
                ("ExternalId", self.external_id.as_deref()),
                ("DurationSeconds", duration.as_deref()),
            ],
        );
        let scope = Scope {
            region: &self.sts.region,
            service: "sts",
        };
        let answer = ask(client, PATIENCE, || {
            let mut request = self.sts.request(&body)?;
            sign(&mut request, &body, own, scope).map_err(|error| error.to_string())?;
            Ok(request)
        });
        read(answer.await, "AssumeRole", &self.role_arn)
    }
}

impl WebIdentity {
    pub(super) async fn fetch(&self, client: &HttpClient) -> Result<Credentials, CredentialsError> {
        const OPERATION: &str = "AssumeRoleWithWebIdentity";
        let path = self.token_file.clone();
        let token = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        let token = token.map_err(std::io::Error::other).and_then(|token| token);
        let token = token.map(Secret::new).map_err(|error| {
            let what = format!("the web identity token file cannot be read: {error}");
            CredentialsError::not_given(format!("STS {OPERATION}"), what)
        })?;
        let token = Some(token.reveal().trim());
        let session = self.session_name.as_deref();
        let more = [("WebIdentityToken", token)];
        let body = Sts::form(OPERATION, &self.role_arn, session, &more);
        let answer = ask(client, PATIENCE, || self.sts.request(&body));
        read(answer.await, OPERATION, &self.role_arn)
    }
}

impl Sts {
    fn request(&self, body: &Bytes) -> Result<Request<Full<Bytes>>, String> {
        Request::post(format!("{}/", self.url))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(body.clone()))
            .map_err(|error| error.to_string())
    }

    /// The form of a call; `more` of it where there is a value.
    fn form(
        operation: &str,
        role_arn: &str,
        session: Option<&str>,
        more: &[(&str, Option<&str>)],
    ) -> Bytes {
        let made_up = format!("gatepost-{}", now_ms());
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", operation)
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", role_arn)
            .append_pair("RoleSessionName", session.unwrap_or(&made_up));
        for (name, value) in more {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        Bytes::from(form.finish())
    }
}

fn read(
    answer: Result<Response<Bytes>, String>,
    operation: &str,
    role_arn: &str,
) -> Result<Credentials, CredentialsError> {
    let not_given = |what: String| {
        let of = format!("STS {operation} of {role_arn}");
        CredentialsError::not_given(of, what)
    };
    let answer = answer.map_err(not_given)?;
    let text = String::from_utf8_lossy(answer.body());
    let document = json_of_query_response(&text).unwrap_or_default();
    if !answer.status().is_success() {
        let error = &document["Error"];
        let member = |name: &str| error[name].as_str().unwrap_or_default();
        let refused = format!("{} ({})", member("Message"), member("Code"));
        let status = answer.status();
        return Err(not_given(format!(
            "it answers {status}: {}",
            said(&refused)
        )));
    }
    let result = &document[format!("{operation}Response")][format!("{operation}Result")];
    credentials_of(&result["Credentials"]).map_err(not_given)
}
