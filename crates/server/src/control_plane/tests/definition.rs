//! What changes routes, integrations, responses, authorizers and models of one API.

mod any;
mod authorizer;
mod integration;
mod model;
mod route;

use gatepost_model::api::ApiDefinition;
use http::HeaderMap;
use serde_json::Value;

use super::chat::chat;
use crate::{
    control_plane::{
        changes::Answer,
        rescue::{ControlPlaneError, error_response},
    },
    shapes::{FromInput, Input},
};

/// The definition of `chat`, changed by requests as they come in.
struct Changing(ApiDefinition);

impl Changing {
    fn chat() -> Self {
        Self(ApiDefinition::clone(&chat().definition))
    }

    /// A change of `path`, `integrationId=mock001&…`; one that fails changes nothing.
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    fn call<R: FromInput>(
        &mut self,
        change: impl FnOnce(&mut ApiDefinition, R) -> Answer,
        path: &str,
        body: Value,
    ) -> Result<Value, ControlPlaneError> {
        const MEMBERS: [&str; 8] = [
            "routeId",
            "routeResponseId",
            "requestParameterKey",
            "integrationId",
            "integrationResponseId",
            "authorizerId",
            "modelId",
            "apiId",
        ];
        let given = path.split('&').filter_map(|pair| pair.split_once('='));
        let given = given.chain([("apiId", "abcdef0123")]);
        let path: Vec<_> = given
            .map(|(name, value)| {
                let name = MEMBERS.into_iter().find(|member| *member == name).unwrap();
                (name, value.to_owned())
            })
            .collect();
        let body = body.to_string();
        let input = Input {
            path: &path,
            query: "",
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        };
        let request = input.read()?;
        let mut changed = self.0.clone();
        let answer = change(&mut changed, request)?;
        self.0 = changed;
        Ok(answer)
    }

    #[track_caller]
    fn refuses<R: FromInput>(
        &mut self,
        change: impl FnOnce(&mut ApiDefinition, R) -> Answer,
        path: &str,
        body: Value,
        (status, message): (u16, &str),
    ) {
        let error = self.call(change, path, body).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error_response(&error).status(), status, "{message}");
    }
}

fn created(mut body: Value, id: &str, length: usize) -> Value {
    let id = body.as_object_mut().unwrap().remove(id).unwrap();
    let id = id.as_str().unwrap();
    let is_lower = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(id.len() == length && id.bytes().all(is_lower), "{id}");
    body
}
