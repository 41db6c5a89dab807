//! `$context` and `$stageVariables` (data-plane spec 5.7).

use std::collections::BTreeMap;

use crate::{
    expression::number::Number,
    template::{
        render::{Outcome, Renderer},
        value::{Key, Map, Text, Value},
        variables,
    },
};

/// The variables of `$context` itself, in the order of an event's `requestContext`, where a whole
/// `$context` has `authorizer` after the first and `identity` after `requestTimeEpoch`.
pub(in crate::template) const VARIABLES: [&str; 17] = [
    "routeKey",
    "messageId",
    "disconnectStatusCode",
    "eventType",
    "extendedRequestId",
    "requestTime",
    "messageDirection",
    "disconnectReason",
    "stage",
    "connectedAt",
    "requestTimeEpoch",
    "requestId",
    "domainName",
    "connectionId",
    "apiId",
    "status",
    "error",
];

/// The variables of `$context.identity`.
pub(in crate::template) const IDENTITY: [&str; 15] = [
    "apiKey",
    "userArn",
    "cognitoAuthenticationType",
    "apiKeyId",
    "userAgent",
    "accountId",
    "caller",
    "sourceIp",
    "accessKey",
    "cognitoAuthenticationProvider",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "vpceId",
];

/// The variables of `$context.error`.
pub(in crate::template) const ERROR: [&str; 4] = [
    "message",
    "messageString",
    "responseType",
    "validationErrorString",
];

/// What is a number in Java, so that `+` adds to it.
const NUMBERS: [&str; 4] = [
    "connectedAt",
    "requestTimeEpoch",
    "disconnectStatusCode",
    "status",
];

impl<'a> Renderer<'a> {
    /// The value at a path below `$context`; `None` when only the whole map can tell.
    pub(in crate::template) fn context_variable(
        &mut self,
        path: &str,
    ) -> Outcome<Option<Value<'a>>> {
        let value = match path.split_once('.') {
            Some(("error", name)) => self.error_variable(name)?,
            None if path == "status" => self
                .input
                .status
                .map(|status| Value::Number(Number::Whole(status.into()))),
            _ => match self.input.context.variable(path) {
                Some(text) => Some(self.typed(path, text)?),
                None => None,
            },
        };
        let is_settled = match path.split_once('.') {
            None => !matches!(path, "identity" | "authorizer" | "error"),
            Some(("identity" | "authorizer" | "error", name)) => !name.contains('.'),
            Some(_) => false,
        };
        Ok(value.or(is_settled.then_some(Value::Null)))
    }

    fn typed(&mut self, path: &str, text: String) -> Outcome<Value<'a>> {
        if NUMBERS.contains(&path)
            && let Ok(number) = text.parse()
        {
            return Ok(Value::Number(Number::Whole(number)));
        }
        Ok(Value::Text(self.text(text)?))
    }

    fn error_variable(&mut self, name: &str) -> Outcome<Option<Value<'a>>> {
        let Some(error) = self.input.error else {
            return Ok(None);
        };
        let text = match name {
            "message" => Some(&error.message),
            "responseType" => error.response_type.as_ref(),
            "validationErrorString" => error.validation_error_string.as_ref(),
            "messageString" => {
                let quoted = self.captured(|this| this.push_json_text(&error.message))?;
                return Ok(Some(Value::Text(quoted)));
            }
            _ => None,
        };
        Ok(text.map(|text| Value::Text(Text::Borrowed(text))))
    }

    /// `$context` as a map, which it is from then on.
    pub(in crate::template) fn context_map(&mut self) -> Outcome<Value<'a>> {
        let mut map = Map::default();
        for name in VARIABLES {
            if name == "requestId" {
                self.add_members(&mut map, "identity", &IDENTITY)?;
            }
            if name == "error" {
                self.add_members(&mut map, name, &ERROR)?;
            } else if let Some(value) = self.context_variable(name)?
                && !matches!(value, Value::Null)
            {
                self.pay_member()?;
                map.0.insert(Key::Text(Text::Borrowed(name)), value);
            }
            if name == "routeKey" {
                self.add_authorizer(&mut map)?;
            }
        }
        let map = Value::Map(self.heap.add_map(map));
        self.assign(variables::CONTEXT, map.clone());
        Ok(map)
    }

    /// Adds the map `name` of those members that have a value, if any has.
    fn add_members(
        &mut self,
        map: &mut Map<'a>,
        name: &'static str,
        members: &[&'static str],
    ) -> Outcome<()> {
        let mut inner = Map::default();
        for member in members {
            let value = self.context_variable(&format!("{name}.{member}"))?;
            if let Some(value) = value
                && !matches!(value, Value::Null)
            {
                self.pay_member()?;
                inner.0.insert(Key::Text(Text::Borrowed(member)), value);
            }
        }
        if !inner.0.is_empty() {
            let inner = Value::Map(self.heap.add_map(inner));
            map.0.insert(Key::Text(Text::Borrowed(name)), inner);
        }
        Ok(())
    }

    fn add_authorizer(&mut self, map: &mut Map<'a>) -> Outcome<()> {
        let input = self.input;
        let Some(authorizer) = input.context.connection.authorizer.as_deref() else {
            return Ok(());
        };
        let own = ("principalId", authorizer.principal_id.as_str());
        let context = authorizer.context.iter();
        let all = std::iter::once(own)
            .chain(context.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut inner = Map::default();
        for (name, value) in all {
            self.pay_member()?;
            let key = Key::Text(Text::Borrowed(name));
            // As by name: `principalId` is the authorizer's own, and the first of equals counts.
            inner
                .0
                .entry(key)
                .or_insert(Value::Text(Text::Borrowed(value)));
        }
        let inner = Value::Map(self.heap.add_map(inner));
        map.0.insert(Key::Text(Text::Borrowed("authorizer")), inner);
        Ok(())
    }

    /// `$stageVariables` as a map, which it is from then on.
    pub(in crate::template) fn stage_variables_map(&mut self) -> Outcome<Value<'a>> {
        let input = self.input;
        let stage_variables: &'a BTreeMap<String, String> = &input.context.stage_variables;
        let mut map = Map::default();
        for (name, value) in stage_variables {
            self.pay_member()?;
            let value = Value::Text(Text::Borrowed(value));
            map.0.insert(Key::Text(Text::Borrowed(name)), value);
        }
        let map = Value::Map(self.heap.add_map(map));
        self.assign(variables::STAGE_VARIABLES, map.clone());
        Ok(map)
    }
}
