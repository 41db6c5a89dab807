//! References: `$context.connectionId`, `${stageVariables['table']}`, `$!input.json('$.user')`.

use super::Parser;
use crate::{
    expression::{java_regex::JavaRegex, json_path::JsonPath},
    template::{
        TemplateError,
        cursor::Cursor,
        syntax::{Accessor, Expression, Method, Prepared, Reference},
        variables,
    },
};

impl<'s> Parser<'s, '_> {
    /// The reference at a `$`; `None`, and nothing read, when that `$` is text.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>, TemplateError> {
        let start = self.cursor;
        self.cursor.take("$");
        let is_quiet = self.cursor.take("!");
        let is_formal = self.cursor.take("{");
        let Some(name) = self.cursor.take_identifier() else {
            self.cursor = start;
            return Ok(None);
        };
        let variable = self.declared.slot(name, start)?;
        let mut accessors = Vec::new();
        while let Some(accessor) = self.accessor(start, name)? {
            accessors.push(accessor);
        }
        if is_formal && !self.cursor.take("}") {
            return Err(start.syntax("`${` is not closed by `}`"));
        }
        let path = match name {
            "context" => leading_properties(&accessors),
            _ => None,
        };
        Ok(Some(Reference {
            place: start.place(),
            variable,
            is_quiet: is_quiet || variables::is_of_aws(name),
            accessors,
            path,
            source: self.cursor.since(start).into(),
        }))
    }

    fn accessor(
        &mut self,
        start: Cursor<'s>,
        root: &str,
    ) -> Result<Option<Accessor>, TemplateError> {
        if self.cursor.take("[") {
            self.enter(start)?;
            let index = self.expression()?;
            self.leave();
            self.cursor.skip_spaces();
            return if self.cursor.take("]") {
                Ok(Some(Accessor::Index(index)))
            } else {
                Err(start.syntax("an index is not closed by `]`"))
            };
        }
        let before = self.cursor;
        let is_accessor = self.cursor.take(".")
            && self
                .cursor
                .rest()
                .starts_with(|c: char| c.is_ascii_alphabetic());
        let name = if is_accessor {
            self.cursor.take_identifier()
        } else {
            None
        };
        let Some(name) = name else {
            // The full stop of a sentence.
            self.cursor = before;
            return Ok(None);
        };
        if !self.cursor.take("(") {
            return Ok(Some(Accessor::Property(name.into())));
        }
        self.enter(start)?;
        let arguments = self.expressions(")")?;
        self.leave();
        let prepared = prepare(root, name, &arguments).map_err(|problem| start.syntax(problem))?;
        Ok(Some(Accessor::Method(Box::new(Method {
            name: name.into(),
            arguments,
            prepared,
        }))))
    }
}

/// What a literal first argument of a method is made to, once and for all.
fn prepare(root: &str, method: &str, arguments: &[Expression]) -> Result<Prepared, String> {
    let Some(Expression::Text(text)) = arguments.first() else {
        return Ok(Prepared::Nothing);
    };
    let regex = match (root, method) {
        ("input", "json" | "path") => {
            return JsonPath::parse(text)
                .map(Prepared::Path)
                .map_err(|problem| problem.to_string());
        }
        (_, "replaceAll" | "replaceFirst" | "split") => JavaRegex::new(text),
        (_, "matches") => JavaRegex::whole(text),
        _ => return Ok(Prepared::Nothing),
    };
    regex
        .map(Prepared::Regex)
        .map_err(|problem| problem.to_string())
}

/// The properties that accessors begin with, joined by dots, and how many they are.
fn leading_properties(accessors: &[Accessor]) -> Option<(Box<str>, usize)> {
    let mut path = String::new();
    let mut count = 0;
    for accessor in accessors {
        let (Accessor::Property(name) | Accessor::Index(Expression::Text(name))) = accessor else {
            break;
        };
        if count > 0 {
            path.push('.');
        }
        path.push_str(name);
        count += 1;
    }
    (count > 0).then(|| (path.into(), count))
}
