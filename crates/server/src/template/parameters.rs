//! `Parameters`: their given values and defaults, checked as CloudFormation checks them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    diagnostic::{Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
};

const ATTRIBUTES: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

/// A parameter's value, or why it has none; the latter matters only where it is used.
#[derive(Debug, Clone)]
pub(super) enum Parameter {
    Value(Node),
    /// The value is kept in the parameter store on AWS.
    InParameterStore,
}

/// The values of all parameters.
pub(super) fn resolve(
    declared: &[Entry],
    given: &BTreeMap<String, String>,
    diagnostics: &Diagnostics,
) -> BTreeMap<String, Parameter> {
    declared
        .iter()
        .filter_map(|entry| {
            let value = parameter(entry, given.get(&entry.key), diagnostics)?;
            Some((entry.key.clone(), value))
        })
        .collect()
}

/// Refuses given values that nothing asks for; `imports` are the export names that were asked for.
pub(super) fn refuse_unknown(
    declared: &[Entry],
    given: &BTreeMap<String, String>,
    imports: &BTreeSet<String>,
    diagnostics: &Diagnostics,
) {
    for name in given.keys().filter(|name| !imports.contains(*name)) {
        if !declared.iter().any(|entry| entry.key == *name) {
            let known = declared.iter().map(|entry| entry.key.as_str());
            diagnostics.error(
                Position::START,
                format!("the template has no parameter `{name}`"),
                did_you_mean(name, known, "remove it from the command"),
            );
        }
    }
}

fn parameter(
    entry: &Entry,
    given: Option<&String>,
    diagnostics: &Diagnostics,
) -> Option<Parameter> {
    let (name, node) = (&entry.key, &entry.value);
    for attribute in node.entries() {
        if !ATTRIBUTES.contains(&attribute.key.as_str()) {
            diagnostics.error(
                attribute.position,
                format!("`{}` is not an attribute of a parameter", attribute.key),
                did_you_mean(&attribute.key, ATTRIBUTES, "remove it"),
            );
        }
    }
    let Some(type_name) = node.get("Type").and_then(Node::as_text) else {
        let message = format!("the parameter {name} has no Type");
        diagnostics.error(entry.position, message, "add `Type: String`");
        return None;
    };
    let text = match (given, node.get("Default")) {
        (Some(given), _) => given.clone(),
        (None, Some(default)) if type_name.starts_with("AWS::SSM::Parameter::Value<") => {
            let default = default.as_text().unwrap_or_default();
            if default.contains('/') {
                return Some(Parameter::InParameterStore);
            }
            diagnostics.warn(
                entry.position,
                format!(
                    "{name} is read from the parameter store on AWS; here it is the text \
                     `{default}`"
                ),
                format!("give its value with --parameter {name}=…"),
            );
            default.to_owned()
        }
        (None, Some(default)) => match default.as_text() {
            Some(text) => text.to_owned(),
            None if default.value == Value::Null => String::new(),
            None => {
                diagnostics.error(
                    default.position,
                    format!(
                        "the Default of {name} must be a string, this is {}",
                        default.kind()
                    ),
                    "write a list as text with commas",
                );
                return None;
            }
        },
        (None, None) => {
            diagnostics.error(
                entry.position,
                format!("Parameters: [{name}] must have values"),
                format!("give one with --parameter {name}=…"),
            );
            return Some(Parameter::Value(Node::new(Value::Unknown, entry.position)));
        }
    };
    check(entry, type_name, &text, diagnostics);
    let is_list = type_name == "CommaDelimitedList"
        || type_name.starts_with("List<")
        || type_name.contains("<List<")
        || type_name.contains("<CommaDelimitedList>");
    let value = if is_list {
        let items = text
            .split(',')
            .map(|item| Node::string(item.trim(), entry.position));
        Value::List(items.collect())
    } else {
        Value::String(text)
    };
    Some(Parameter::Value(Node::new(value, entry.position)))
}

/// The constraints of a parameter; a secret's value is not repeated.
fn check(entry: &Entry, type_name: &str, text: &str, diagnostics: &Diagnostics) {
    let (name, node) = (&entry.key, &entry.value);
    let attribute = |key: &str| node.get(key).and_then(Node::as_text);
    let number = |key: &str| attribute(key).and_then(|text| text.parse::<f64>().ok());
    let complain = |message: String| {
        let mend = attribute("ConstraintDescription").unwrap_or_default();
        diagnostics.error(entry.position, message, mend);
    };
    if let Some(allowed) = node.get("AllowedValues").and_then(Node::as_list) {
        let allowed: Vec<&str> = allowed.iter().filter_map(Node::as_text).collect();
        if !allowed.contains(&text) {
            let allowed = allowed.join(", ");
            complain(format!(
                "Parameter '{name}' must be one of AllowedValues: {allowed}"
            ));
        }
    }
    if let Some(pattern) = attribute("AllowedPattern")
        && let Ok(regex) = regex::Regex::new(&format!("^(?:{pattern})$"))
        && !regex.is_match(text)
    {
        complain(format!("Parameter '{name}' must match pattern {pattern}"));
    }
    // Lengths are short numbers: the conversion is exact.
    #[expect(clippy::cast_precision_loss)]
    let length = text.chars().count() as f64;
    if number("MinLength").is_some_and(|least| length < least) {
        let least = attribute("MinLength").unwrap_or_default();
        complain(format!(
            "Parameter '{name}' must contain at least {least} characters"
        ));
    }
    if number("MaxLength").is_some_and(|most| length > most) {
        let most = attribute("MaxLength").unwrap_or_default();
        complain(format!(
            "Parameter '{name}' must contain at most {most} characters"
        ));
    }
    if type_name == "Number" {
        match text.parse::<f64>() {
            Err(_) => complain(format!("Parameter '{name}' must be a number")),
            Ok(value) if number("MinValue").is_some_and(|least| value < least) => {
                let least = attribute("MinValue").unwrap_or_default();
                complain(format!(
                    "Parameter '{name}' must be a number not less than {least}"
                ));
            }
            Ok(value) if number("MaxValue").is_some_and(|most| value > most) => {
                let most = attribute("MaxValue").unwrap_or_default();
                complain(format!(
                    "Parameter '{name}' must be a number not greater than {most}"
                ));
            }
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::template::document;

    fn resolved(yaml: &str, given: &[(&str, &str)]) -> Result<String, String> {
        let diagnostics = Diagnostics::new(Path::new("t"));
        let root = document::parse(yaml).unwrap();
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let values = resolve(root.entries(), &given, &diagnostics);
        refuse_unknown(root.entries(), &given, &BTreeSet::new(), &diagnostics);
        let text = values
            .into_iter()
            .map(|(name, value)| match value {
                Parameter::Value(node) => format!("{name}={}", node.to_json()),
                Parameter::InParameterStore => format!("{name} in store"),
            })
            .collect::<Vec<_>>()
            .join(" ");
        diagnostics
            .finish(text)
            .map(|(text, _)| text)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn given_values_go_before_defaults_and_lists_are_split() {
        let yaml = "Stage: {Type: String, Default: dev}\n\
                    Ids: {Type: CommaDelimitedList, Default: 'a, b'}\n\
                    Count: {Type: Number, Default: 3}\n";
        assert_eq!(
            resolved(yaml, &[("Stage", "prod")]).unwrap(),
            r#"Count="3" Ids=["a","b"] Stage="prod""#
        );
    }

    #[test]
    fn constraints_are_those_of_cloudformation() {
        for (yaml, given, expected) in [
            (
                "A: {Type: String}",
                None,
                "t:1: Parameters: [A] must have values; give one with --parameter A=…",
            ),
            (
                "A: {Type: String, AllowedValues: [x, y]}",
                Some("z"),
                "t:1: Parameter 'A' must be one of AllowedValues: x, y",
            ),
            (
                "A: {Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: letters}",
                Some("9"),
                "t:1: Parameter 'A' must match pattern [a-z]+; letters",
            ),
            (
                "A: {Type: Number, MaxValue: 5}",
                Some("9"),
                "t:1: Parameter 'A' must be a number not greater than 5",
            ),
            (
                "A: {Type: String, MinLength: 2}",
                Some("9"),
                "t:1: Parameter 'A' must contain at least 2 characters",
            ),
            (
                "A: {Typ: String, Type: String, Default: x}",
                None,
                "t:1: `Typ` is not an attribute of a parameter; did you mean `Type`?",
            ),
        ] {
            let given: Vec<_> = given.map(|value| ("A", value)).into_iter().collect();
            assert_eq!(resolved(yaml, &given).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_unknown_given_parameter_is_an_error() {
        let error = resolved("Stage: {Type: String, Default: x}", &[("stage", "y")]);
        assert_eq!(
            error.unwrap_err(),
            "t:1: the template has no parameter `stage`; did you mean `Stage`?"
        );
    }
}
