//! `Parameters`: their given values and defaults, checked as CloudFormation checks them.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{
    diagnostic::{DiagnosticKind, Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
    values_from::ValuesFrom,
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
    from: ValuesFrom,
    diagnostics: &Diagnostics,
) -> BTreeMap<String, Parameter> {
    declared
        .iter()
        .filter_map(|entry| {
            let value = parameter(entry, given.get(&entry.key), from, diagnostics)?;
            Some((entry.key.clone(), value))
        })
        .collect()
}

/// The given values that something asks for; `imports` are the export names that were asked for.
pub(super) fn used(
    declared: &[Entry],
    given: &BTreeMap<String, String>,
    imports: &BTreeSet<String>,
) -> BTreeSet<String> {
    let is_used = |name: &&String| {
        imports.contains(*name) || declared.iter().any(|entry| entry.key == **name)
    };
    given.keys().filter(is_used).cloned().collect()
}

/// Refuses given values that are not [`used`].
pub(super) fn refuse_unknown(
    declared: &[Entry],
    given: &BTreeMap<String, String>,
    used: &BTreeSet<String>,
    diagnostics: &Diagnostics,
) {
    for name in given.keys().filter(|name| !used.contains(*name)) {
        let known = declared.iter().map(|entry| entry.key.as_str());
        diagnostics.error(
            Position::START,
            format!("the template has no parameter `{name}`"),
            did_you_mean(name, known, "remove it from the command"),
        );
    }
}

fn parameter(
    entry: &Entry,
    given: Option<&String>,
    from: ValuesFrom,
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
                from.mend("its value", name),
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
            diagnostics.error_of(
                DiagnosticKind::NotHere,
                entry.position,
                format!("Parameters: [{name}] must have values"),
                from.mend("one", name),
            );
            return Some(Parameter::Value(Node::new(Value::Unknown, entry.position)));
        }
    };
    check_type(node, type_name, diagnostics);
    let is_list = type_name == "CommaDelimitedList"
        || type_name.starts_with("List<")
        || type_name.contains("<List<")
        || type_name.contains("<CommaDelimitedList>");
    let constraints = Constraints::read(entry, diagnostics);
    let value = if is_list {
        let items: Vec<&str> = text.split(',').map(str::trim).collect();
        for item in &items {
            constraints.check(item, type_name.contains("<Number>"));
        }
        let items = items.into_iter();
        Value::List(
            items
                .map(|item| Node::string(item, entry.position))
                .collect(),
        )
    } else {
        constraints.check(&text, type_name == "Number");
        Value::String(text)
    };
    Some(Parameter::Value(Node::new(value, entry.position)))
}

/// A type that is nearly one would be taken for a string.
fn check_type(node: &Node, type_name: &str, diagnostics: &Diagnostics) {
    const PLAIN: [&str; 4] = ["String", "Number", "List<Number>", "CommaDelimitedList"];
    let of_aws = type_name.strip_prefix("List<").unwrap_or(type_name);
    if !PLAIN.contains(&type_name) && !of_aws.starts_with("AWS::") {
        let at = node.get("Type").map_or(node.position, |node| node.position);
        let message = format!("`{type_name}` is not a type of a parameter");
        let mend = did_you_mean(type_name, PLAIN, "use String");
        diagnostics.error(at, message, mend);
    }
}

/// What a value, or each of a list, must be like. It may be a secret, and is not repeated.
struct Constraints<'a> {
    entry: &'a Entry,
    diagnostics: &'a Diagnostics,
    allowed_values: Option<Vec<&'a str>>,
    allowed_pattern: Option<(&'a str, Regex)>,
    /// Of characters.
    length: [Option<f64>; 2],
    value: [Option<f64>; 2],
}

impl<'a> Constraints<'a> {
    fn read(entry: &'a Entry, diagnostics: &'a Diagnostics) -> Self {
        let node = &entry.value;
        let number = |key: &str| {
            let node = node.get(key)?;
            let number = node.as_text().and_then(|text| text.parse::<f64>().ok());
            if number.is_none() {
                let message = format!("{key} must be a number, this is {}", node.kind());
                diagnostics.error(node.position, message, "correct it");
            }
            number
        };
        let allowed_values = node.get("AllowedValues").and_then(Node::as_list);
        Self {
            entry,
            diagnostics,
            allowed_values: allowed_values
                .map(|values| values.iter().filter_map(Node::as_text).collect()),
            allowed_pattern: node
                .get("AllowedPattern")
                .and_then(|node| pattern(node, diagnostics)),
            length: ["MinLength", "MaxLength"].map(number),
            value: ["MinValue", "MaxValue"].map(number),
        }
    }

    fn check(&self, text: &str, is_number: bool) {
        if let Some(allowed) = &self.allowed_values
            && !allowed.contains(&text)
        {
            let allowed = allowed.join(", ");
            self.complain(&format!("must be one of AllowedValues: {allowed}"));
        }
        if let Some((pattern, regex)) = &self.allowed_pattern
            && !regex.is_match(text)
        {
            self.complain(&format!("must match pattern {pattern}"));
        }
        // Lengths are short numbers: the conversion is exact.
        #[expect(clippy::cast_precision_loss)]
        let length = text.chars().count() as f64;
        match self.length {
            [Some(least), _] if length < least => {
                self.complain(&format!("must contain at least {least} characters"));
            }
            [_, Some(most)] if length > most => {
                self.complain(&format!("must contain at most {most} characters"));
            }
            _ => {}
        }
        if !is_number {
            return;
        }
        let Ok(number) = text.parse::<f64>() else {
            self.complain("must be a number");
            return;
        };
        match self.value {
            [Some(least), _] if number < least => {
                self.complain(&format!("must be a number not less than {least}"));
            }
            [_, Some(most)] if number > most => {
                self.complain(&format!("must be a number not greater than {most}"));
            }
            _ => {}
        }
    }

    fn complain(&self, what: &str) {
        let Entry {
            key,
            position,
            value,
        } = self.entry;
        let mend = value.get("ConstraintDescription").and_then(Node::as_text);
        let message = format!("Parameter '{key}' {what}");
        self.diagnostics
            .error(*position, message, mend.unwrap_or_default());
    }
}

/// `AllowedPattern`: the whole value must match. AWS takes Java's expressions, which know more.
fn pattern<'a>(node: &'a Node, diagnostics: &Diagnostics) -> Option<(&'a str, Regex)> {
    let pattern = node.as_text()?;
    let regex = Regex::new(&format!("^(?:{pattern})$"));
    if regex.is_err() {
        let message = format!("the AllowedPattern {pattern} is not understood, and not checked");
        let mend = "see that it is a regular expression; look-around is known on AWS only";
        diagnostics.warn(node.position, message, mend);
    }
    Some((pattern, regex.ok()?))
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
        let values = resolve(root.entries(), &given, ValuesFrom::Flags, &diagnostics);
        let used = used(root.entries(), &given, &BTreeSet::new());
        refuse_unknown(root.entries(), &given, &used, &diagnostics);
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
                "A: {Type: CommaDelimitedList, AllowedValues: [x, y]}",
                Some("x, z"),
                "t:1: Parameter 'A' must be one of AllowedValues: x, y",
            ),
            (
                "A: {Type: List<Number>}",
                Some("1,x"),
                "t:1: Parameter 'A' must be a number",
            ),
            (
                "A: {Type: Numbr, Default: 1}",
                None,
                "t:1: `Numbr` is not a type of a parameter; did you mean `Number`?",
            ),
            (
                "A: {Type: String, MinLength: few, Default: x}",
                None,
                "t:1: MinLength must be a number, this is a string; correct it",
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
    fn every_value_of_a_list_is_checked_by_itself() {
        let yaml = "A: {Type: CommaDelimitedList, AllowedValues: [x, y], MaxLength: 1}";
        assert_eq!(resolved(yaml, &[("A", "y,x")]).unwrap(), r#"A=["y","x"]"#);
    }

    #[test]
    fn a_pattern_of_java_is_left_to_aws() {
        let yaml = "A: {Type: String, AllowedPattern: '(?=x).*', Default: y}";
        assert_eq!(resolved(yaml, &[]).unwrap(), r#"A="y""#);
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
