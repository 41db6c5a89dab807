//! Patterns for JSON: `{ ($.user.id = 1) && ($.users[0].email = "John.Doe*") }`.

use serde_json::Value;

use super::{InvalidFilterPattern, MAX_DEPTH, comparison::Comparison, cursor::Cursor};

/// Wildcards of one selector, and of all selectors of a pattern.
const MAX_WILDCARDS: (usize, usize) = (1, 3);

/// A condition on an event that is a JSON object.
#[derive(Debug, Clone)]
pub(super) struct JsonPattern(Condition);

#[derive(Debug, Clone)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Property(Vec<Step>, Test),
}

/// A step of a selector.
#[derive(Debug, Clone)]
enum Step {
    /// `.name` or `.['name']`.
    Member(String),
    /// `[0]`.
    Element(usize),
    /// `[*]` or `.*`.
    Any,
}

/// What a selected value must be.
#[derive(Debug, Clone)]
enum Test {
    Is(Value),
    NotExists,
    Compares(Comparison),
}

impl JsonPattern {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidFilterPattern> {
        let mut wildcards = 0;
        let condition = any(cursor, 0, &mut wildcards)?;
        if !cursor.is_at_end() {
            return Err(cursor.invalid_character());
        }
        if wildcards > MAX_WILDCARDS.1 {
            let problem = format!("its selectors have more than {} wildcards", MAX_WILDCARDS.1);
            return Err(InvalidFilterPattern::Syntax(problem));
        }
        Ok(Self(condition))
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match serde_json::from_str::<Value>(message) {
            Ok(event @ Value::Object(_)) => self.0.matches(&event),
            _ => false,
        }
    }
}

impl Condition {
    fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|c| c.matches(event)),
            Self::All(conditions) => conditions.iter().all(|c| c.matches(event)),
            Self::Property(selector, Test::NotExists) => !selects(selector, event, &|_| true),
            Self::Property(selector, Test::Is(value)) => {
                selects(selector, event, &|found| found == value)
            }
            Self::Property(selector, Test::Compares(comparison)) => {
                selects(selector, event, &|found| match found {
                    Value::String(text) => comparison.matches(text),
                    Value::Number(number) => comparison.matches(&number.to_string()),
                    Value::Bool(flag) => comparison.matches(if *flag { "true" } else { "false" }),
                    // The form of the event is not that of the pattern, whatever the operator.
                    Value::Null | Value::Array(_) | Value::Object(_) => false,
                })
            }
        }
    }
}

/// Whether a selector leads to a value that passes a test.
fn selects(selector: &[Step], value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    let Some((step, rest)) = selector.split_first() else {
        return test(value);
    };
    let on = |value: &Value| selects(rest, value, test);
    match (step, value) {
        (Step::Member(name), Value::Object(members)) => members.get(name).is_some_and(on),
        (Step::Element(index), Value::Array(elements)) => elements.get(*index).is_some_and(on),
        (Step::Any, Value::Array(elements)) => elements.iter().any(on),
        (Step::Any, Value::Object(members)) => members.values().any(on),
        _ => false,
    }
}

fn any(
    cursor: &mut Cursor<'_>,
    depth: usize,
    wildcards: &mut usize,
) -> Result<Condition, InvalidFilterPattern> {
    let mut conditions = vec![all(cursor, depth, wildcards)?];
    while cursor.take("||") {
        conditions.push(all(cursor, depth, wildcards)?);
    }
    Ok(Condition::Any(conditions))
}

fn all(
    cursor: &mut Cursor<'_>,
    depth: usize,
    wildcards: &mut usize,
) -> Result<Condition, InvalidFilterPattern> {
    let mut conditions = vec![one(cursor, depth, wildcards)?];
    while cursor.take("&&") {
        conditions.push(one(cursor, depth, wildcards)?);
    }
    Ok(Condition::All(conditions))
}

fn one(
    cursor: &mut Cursor<'_>,
    depth: usize,
    wildcards: &mut usize,
) -> Result<Condition, InvalidFilterPattern> {
    cursor.skip_blanks();
    let condition = if cursor.take("(") {
        if depth == MAX_DEPTH {
            return Err(InvalidFilterPattern::syntax(
                "its parentheses nest too deeply",
            ));
        }
        let inside = any(cursor, depth + 1, wildcards)?;
        if !cursor.take(")") {
            return Err(cursor.invalid_character());
        }
        inside
    } else {
        let selector = selector(cursor)?;
        let own = selector.iter().filter(|step| matches!(step, Step::Any));
        let own = own.count();
        if own > MAX_WILDCARDS.0 {
            return Err(InvalidFilterPattern::syntax(
                "a selector has more than one wildcard",
            ));
        }
        *wildcards += own;
        Condition::Property(selector, test(cursor)?)
    };
    cursor.skip_blanks();
    Ok(condition)
}

fn selector(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, InvalidFilterPattern> {
    if !cursor.take("$") {
        return Err(match cursor.peek() {
            Some(c) if !c.is_alphanumeric() => cursor.invalid_character(),
            _ => InvalidFilterPattern::syntax("a selector begins with `$.`, as `$.eventType`"),
        });
    }
    let mut steps = Vec::new();
    loop {
        let is_behind_dot = cursor.take(".");
        if cursor.take("[") {
            steps.push(bracketed(cursor)?);
            if !cursor.take("]") {
                return Err(cursor.invalid_character());
            }
        } else if is_behind_dot {
            if cursor.take("*") {
                steps.push(Step::Any);
                continue;
            }
            let name = cursor.take_while(|c| c.is_alphanumeric() || "_-".contains(c));
            if name.is_empty() {
                let invalid = cursor.peek().map_or_else(String::new, String::from);
                return Err(InvalidFilterPattern::Characters(format!("$.{invalid}")));
            }
            steps.push(Step::Member(name.to_owned()));
        } else if steps.is_empty() {
            return Err(cursor.invalid_character());
        } else {
            return Ok(steps);
        }
    }
}

/// What stands between brackets.
fn bracketed(cursor: &mut Cursor<'_>) -> Result<Step, InvalidFilterPattern> {
    if cursor.take("*") {
        return Ok(Step::Any);
    }
    if cursor.take("'") {
        let name = cursor.take_while(|c| c != '\'');
        if !cursor.take("'") {
            return Err(InvalidFilterPattern::syntax(
                "a single quotation mark is not closed",
            ));
        }
        return Ok(Step::Member(name.to_owned()));
    }
    if let Some(name) = cursor.quoted()? {
        return Ok(Step::Member(name));
    }
    let digits = cursor.take_while(|c| c.is_ascii_digit());
    match digits.parse() {
        Ok(index) => Ok(Step::Element(index)),
        Err(_) => Err(cursor.invalid_character()),
    }
}

fn test(cursor: &mut Cursor<'_>) -> Result<Test, InvalidFilterPattern> {
    cursor.skip_blanks();
    if cursor.take_word("IS") {
        cursor.skip_blanks();
        for (word, value) in [
            ("NULL", Value::Null),
            ("TRUE", Value::Bool(true)),
            ("FALSE", Value::Bool(false)),
        ] {
            if cursor.take_word(word) {
                return Ok(Test::Is(value));
            }
        }
        return Err(InvalidFilterPattern::syntax(
            "`IS` stands before `NULL`, `TRUE` or `FALSE`; `IS NOT` is not supported",
        ));
    }
    if cursor.take_word("NOT") {
        cursor.skip_blanks();
        return if cursor.take_word("EXISTS") {
            Ok(Test::NotExists)
        } else {
            Err(InvalidFilterPattern::syntax("`NOT` stands before `EXISTS`"))
        };
    }
    if cursor.take_word("EXISTS") {
        return Err(InvalidFilterPattern::syntax(
            "`EXISTS` is not supported; write `= *`",
        ));
    }
    Comparison::parse(cursor).map(Test::Compares)
}
