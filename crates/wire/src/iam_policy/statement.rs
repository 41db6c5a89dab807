//! A statement: its effect on actions and resources, under conditions.

use serde_json::{Map, Value};

use super::{
    AuthorizationRequest, InvalidPolicy, PolicyKind, Unsupported,
    condition::{self, Condition},
    keys::RequestKeys,
    pattern::{Case, Pattern, Syntax},
};

/// The greatest resource of an authorizer's policy, characters (data-plane spec 9.2).
const MAX_AUTHORIZER_RESOURCE: usize = 512;

/// `Effect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    action: Element,
    resource: Element,
    conditions: Vec<Condition>,
    /// Whether more conditions were written than are evaluated.
    has_unsupported: bool,
}

/// `Action` or `Resource`, or its negation.
#[derive(Debug, Clone, PartialEq)]
struct Element {
    patterns: Vec<Pattern>,
    negated: bool,
    /// Whether more patterns were written than are evaluated.
    has_unsupported: bool,
}

impl Statement {
    pub(super) fn parse(
        statement: &Map<String, Value>,
        kind: PolicyKind,
        variables: bool,
        unsupported: &mut Vec<Unsupported>,
    ) -> Result<Self, InvalidPolicy> {
        if let Some(element) = ["Principal", "NotPrincipal"]
            .into_iter()
            .find(|element| statement.contains_key(*element))
        {
            return Err(InvalidPolicy::Principal(element));
        }
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(InvalidPolicy::Effect),
        };
        let (actions, not_action) = texts(statement, "Action", "NotAction")?;
        let (resources, not_resource) = texts(statement, "Resource", "NotResource")?;
        match kind {
            PolicyKind::Authorizer => {
                let is_long = |resource: &&str| resource.chars().count() > MAX_AUTHORIZER_RESOURCE;
                if resources.iter().any(is_long) {
                    return Err(InvalidPolicy::ResourceTooLong);
                }
            }
            PolicyKind::IdentityBased => check_as_iam(statement, &actions, &resources)?,
        }
        let before = unsupported.len();
        let conditions = match statement.get("Condition") {
            None => Vec::new(),
            Some(block) => condition::parse(block, variables, unsupported)?,
        };
        Ok(Self {
            effect,
            action: Element::of_actions(&actions, not_action),
            conditions,
            has_unsupported: unsupported.len() > before,
            resource: Element::of_resources(&resources, not_resource, variables, unsupported),
        })
    }

    /// Whether the statement is about a request. What is not evaluated never allows, and denies
    /// whatever else of it matches.
    pub(super) fn applies(&self, request: &AuthorizationRequest<'_>) -> bool {
        let if_unknown = self.effect == Effect::Deny;
        let keys = request.keys;
        self.action
            .matches(request.action, keys, Case::Ignored)
            .unwrap_or(if_unknown)
            && (!self.has_unsupported || if_unknown)
            && self
                .resource
                .matches(request.resource, keys, Case::Matters)
                .unwrap_or(if_unknown)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(keys).unwrap_or(if_unknown))
    }
}

/// The texts of an element or of its negation, of which there must be exactly one.
fn texts<'a>(
    statement: &'a Map<String, Value>,
    element: &'static str,
    negation: &'static str,
) -> Result<(Vec<&'a str>, bool), InvalidPolicy> {
    let (value, negated) = match (statement.get(element), statement.get(negation)) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        _ => return Err(InvalidPolicy::Element(element)),
    };
    let text = |value: &'a Value| value.as_str().ok_or(InvalidPolicy::NotText(element));
    let texts = match value {
        Value::Array(values) => values.iter().map(text).collect::<Result<_, _>>()?,
        value => vec![text(value)?],
    };
    Ok((texts, negated))
}

/// What IAM refuses when a policy is put on a user or role.
fn check_as_iam(
    statement: &Map<String, Value>,
    actions: &[&str],
    resources: &[&str],
) -> Result<(), InvalidPolicy> {
    const ELEMENTS: [&str; 7] = [
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let mut names = statement.keys();
    if let Some(name) = names.find(|name| !ELEMENTS.contains(&name.as_str())) {
        return Err(InvalidPolicy::UnknownElement(name.clone()));
    }
    let is_action = |action: &str| action == "*" || action.split_once(':').is_some();
    if actions.is_empty() || !actions.iter().all(|action| is_action(action)) {
        return Err(InvalidPolicy::Vendor);
    }
    let is_resource = |resource: &str| resource == "*" || resource.starts_with("arn:");
    match resources.iter().find(|resource| !is_resource(resource)) {
        Some(resource) => Err(InvalidPolicy::Resource((*resource).to_owned())),
        None if resources.is_empty() => Err(InvalidPolicy::Element("Resource")),
        None => Ok(()),
    }
}

impl Element {
    /// Actions, which have no variables.
    fn of_actions(texts: &[&str], negated: bool) -> Self {
        let syntax = Syntax {
            wildcards: true,
            variables: false,
        };
        let patterns = texts
            .iter()
            .filter_map(|text| Pattern::parse(text, syntax).ok());
        Self {
            patterns: patterns.collect(),
            negated,
            has_unsupported: false,
        }
    }

    /// Resources, in which variables may stand.
    fn of_resources(
        texts: &[&str],
        negated: bool,
        variables: bool,
        unsupported: &mut Vec<Unsupported>,
    ) -> Self {
        let mut patterns = Vec::new();
        let before = unsupported.len();
        for text in texts {
            match pattern_of(text, true, variables) {
                Ok(pattern) => patterns.push(pattern),
                Err(reason) => unsupported.push(reason),
            }
        }
        Self {
            patterns,
            negated,
            has_unsupported: unsupported.len() > before,
        }
    }

    /// Whether the element is about `text`; `None` when that depends on what is not known.
    fn matches(&self, text: &str, keys: &RequestKeys<'_>, case: Case) -> Option<bool> {
        let mut known = !self.has_unsupported;
        for pattern in &self.patterns {
            match pattern.matches(text, keys, case) {
                Some(true) => return Some(!self.negated),
                Some(false) => {}
                None => known = false,
            }
        }
        known.then_some(self.negated)
    }
}

/// A pattern in which variables may stand if the policy's version has them.
pub(super) fn pattern_of(
    text: &str,
    wildcards: bool,
    variables: bool,
) -> Result<Pattern, Unsupported> {
    if !variables && text.contains("${") {
        return Err(Unsupported::VariableOfOldVersion(text.to_owned()));
    }
    let syntax = Syntax {
        wildcards,
        variables,
    };
    Pattern::parse(text, syntax).map_err(|variable| Unsupported::Variable(variable.0))
}
