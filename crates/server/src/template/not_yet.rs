//! What Gatepost does not do yet is refused by name and place: a protected API is never served
//! open, and a feature is never silently ignored.

use super::{diagnostic::Diagnostics, document::Position};

impl Diagnostics {
    /// Refuses something that works on AWS.
    pub(super) fn not_yet(&self, at: Position, what: &str, mend: &str) {
        self.error(at, format!("{what} is not there yet in Gatepost"), mend);
    }
}

/// Template constructs beyond literals, `$context`, `$input.body`, `$input.json` and
/// `$stageVariables`.
const NOT_YET_IN_TEMPLATES: [&str; 15] = [
    "#set",
    "#if",
    "#foreach",
    "#macro",
    "#define",
    "#parse",
    "#include",
    "#evaluate",
    "#stop",
    "#break",
    "$util",
    "${util",
    "$input.path",
    "$input.params",
    "${input",
];

/// Whether a mapping template can be run; the error names what cannot.
pub(super) fn check_template(text: &str) -> Result<(), String> {
    match NOT_YET_IN_TEMPLATES
        .iter()
        .find(|word| text.contains(**word))
    {
        Some(word) => Err(format!("`{word}` in a mapping template")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limited_dialect_passes_and_the_rest_is_named() {
        assert_eq!(
            check_template(
                r#"{"statusCode": 200, "me": "$context.connectionId", "x": $input.json('$')}"#
            ),
            Ok(())
        );
        assert_eq!(
            check_template("#set($x = 1)"),
            Err("`#set` in a mapping template".to_owned())
        );
        assert_eq!(
            check_template("$util.escapeJavaScript($input.body)"),
            Err("`$util` in a mapping template".to_owned())
        );
    }
}
