//! Patterns for fields between blanks: `[ip, user, ..., status_code = 4*, bytes > 1000]`.

use super::{InvalidFilterPattern, MAX_DEPTH, comparison::Comparison, cursor::Cursor};

/// The fields of an event. Without an ellipsis it has just as many.
#[derive(Debug, Clone)]
pub(super) struct SpaceDelimited {
    /// The first fields.
    first: Vec<Field>,
    /// The last fields, behind an ellipsis.
    last: Option<Vec<Field>>,
}

/// A field of a pattern, and what it must be: nothing in particular, when only its name stands
/// there.
type Field = Option<Condition>;

#[derive(Debug, Clone)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Value(Comparison),
}

impl SpaceDelimited {
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, InvalidFilterPattern> {
        let mut first = Vec::new();
        let mut last: Option<Vec<Field>> = None;
        loop {
            cursor.skip_blanks();
            if cursor.take("...") {
                if last.replace(Vec::new()).is_some() {
                    return Err(InvalidFilterPattern::syntax("it has more than one `...`"));
                }
                cursor.skip_blanks();
            } else {
                last.as_mut().unwrap_or(&mut first).push(field(cursor)?);
            }
            if cursor.is_at_end() {
                return Ok(Self { first, last });
            }
            if !cursor.take(",") {
                return Err(cursor.invalid_character());
            }
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let fields: Vec<&str> = Fields(message).collect();
        let least = self.first.len() + self.last.as_ref().map_or(0, Vec::len);
        let has_enough = match &self.last {
            None => fields.len() == least,
            Some(_) => fields.len() >= least,
        };
        if !has_enough {
            return false;
        }
        let last = self.last.as_deref().unwrap_or_default();
        let all = |conditions: &[Field], fields: &[&str]| {
            let mut pairs = conditions.iter().zip(fields);
            pairs.all(|(condition, field)| condition.as_ref().is_none_or(|c| c.matches(field)))
        };
        all(&self.first, &fields) && all(last, &fields[fields.len() - last.len()..])
    }
}

impl Condition {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|c| c.matches(value)),
            Self::All(conditions) => conditions.iter().all(|c| c.matches(value)),
            Self::Value(comparison) => comparison.matches(value),
        }
    }
}

/// A field: nothing, a name, or conditions on that name.
fn field(cursor: &mut Cursor<'_>) -> Result<Field, InvalidFilterPattern> {
    if matches!(cursor.peek(), None | Some(',')) {
        return Ok(None);
    }
    let mut name = None;
    let condition = any(cursor, 0, &mut name)?;
    Ok(condition)
}

fn any<'p>(
    cursor: &mut Cursor<'p>,
    depth: usize,
    name: &mut Option<&'p str>,
) -> Result<Option<Condition>, InvalidFilterPattern> {
    let Some(first) = all(cursor, depth, name)? else {
        return Ok(None);
    };
    let mut conditions = vec![first];
    while cursor.take("||") {
        conditions.push(required(all(cursor, depth, name)?)?);
    }
    Ok(Some(Condition::Any(conditions)))
}

fn all<'p>(
    cursor: &mut Cursor<'p>,
    depth: usize,
    name: &mut Option<&'p str>,
) -> Result<Option<Condition>, InvalidFilterPattern> {
    let Some(first) = one(cursor, depth, name)? else {
        return Ok(None);
    };
    let mut conditions = vec![first];
    while cursor.take("&&") {
        conditions.push(required(one(cursor, depth, name)?)?);
    }
    Ok(Some(Condition::All(conditions)))
}

/// `name = value`, or only `name`.
fn one<'p>(
    cursor: &mut Cursor<'p>,
    depth: usize,
    name: &mut Option<&'p str>,
) -> Result<Option<Condition>, InvalidFilterPattern> {
    cursor.skip_blanks();
    if cursor.take("(") {
        if depth == MAX_DEPTH {
            return Err(InvalidFilterPattern::syntax(
                "its parentheses nest too deeply",
            ));
        }
        let inside = required(any(cursor, depth + 1, name)?)?;
        if !cursor.take(")") {
            return Err(cursor.invalid_character());
        }
        cursor.skip_blanks();
        return Ok(Some(inside));
    }
    let own = cursor.take_while(|c| c.is_alphanumeric() || "_-".contains(c));
    if own.is_empty() {
        return Err(cursor.invalid_character());
    }
    if *name.get_or_insert(own) != own {
        return Err(InvalidFilterPattern::syntax(
            "the conditions of one field all begin with its name",
        ));
    }
    cursor.skip_blanks();
    if matches!(cursor.peek(), None | Some(',')) {
        return Ok(None);
    }
    let comparison = Comparison::parse(cursor)?;
    cursor.skip_blanks();
    Ok(Some(Condition::Value(comparison)))
}

fn required(condition: Option<Condition>) -> Result<Condition, InvalidFilterPattern> {
    condition.ok_or_else(|| InvalidFilterPattern::syntax("a field has a name without a condition"))
}

/// The fields of an event: what stands between blanks, in double quotes or in brackets.
struct Fields<'m>(&'m str);

impl<'m> Iterator for Fields<'m> {
    type Item = &'m str;

    fn next(&mut self) -> Option<&'m str> {
        let rest = self.0.trim_start();
        let close = match rest.chars().next()? {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        if let Some((inside, behind)) = close.and_then(|close| rest[1..].split_once(close)) {
            self.0 = behind;
            return Some(inside);
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        self.0 = &rest[end..];
        Some(&rest[..end])
    }
}
