//! Methods of numbers, and those of `Integer`, `Long` and `Double` that templates reach through a
//! number: `#set($Integer = 0) $Integer.parseInt('7')`.

use super::{ordering, whole};
use crate::{
    expression::number::Number,
    template::{
        problem::Problem,
        render::{Outcome, Renderer},
        value::Value,
    },
};

/// What Java has and this has not.
const NOT_SUPPORTED: [&str; 16] = [
    "bitCount",
    "compareUnsigned",
    "decode",
    "divideUnsigned",
    "doubleToLongBits",
    "getInteger",
    "getLong",
    "hashCode",
    "highestOneBit",
    "parseFloat",
    "parseUnsignedInt",
    "parseUnsignedLong",
    "reverse",
    "rotateLeft",
    "rotateRight",
    "toUnsignedString",
];

impl<'a> Renderer<'a> {
    pub(super) fn call_number(
        &mut self,
        number: Number,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Outcome<Option<Value<'a>>> {
        let of = |number| Some(Value::Number(number));
        Ok(match (name, arguments) {
            ("intValue", []) => of(Number::Whole(narrowed(number, i32::MIN, i32::MAX))),
            ("shortValue", []) => of(Number::Whole(narrowed(number, i16::MIN, i16::MAX))),
            ("byteValue", []) => of(Number::Whole(narrowed(number, i8::MIN, i8::MAX))),
            ("longValue", []) => of(Number::Whole(narrowed(number, i64::MIN, i64::MAX))),
            ("doubleValue" | "floatValue", []) => of(Number::Double(number.as_f64())),
            ("compareTo", [Value::Number(other)]) => number.compare(*other).map(ordering),
            ("isNaN", []) => Some(Value::Bool(number.as_f64().is_nan())),
            ("isInfinite", []) => Some(Value::Bool(number.as_f64().is_infinite())),
            ("parseInt" | "parseLong" | "parseDouble", _) => {
                return self.parse_number(name, arguments);
            }
            ("valueOf", [value @ Value::Number(_)]) => Some(value.clone()),
            ("valueOf", _) => {
                let parse = match number {
                    Number::Whole(_) => "parseLong",
                    Number::Double(_) => "parseDouble",
                };
                return self.parse_number(parse, arguments);
            }
            ("toString", [Value::Number(other)]) => {
                let mut text = String::new();
                other.push(&mut text);
                return self.made(text);
            }
            ("toHexString" | "toBinaryString" | "toOctalString", [value]) => {
                let Some(whole) = whole(value) else {
                    return Ok(None);
                };
                let text = match (name, i32::try_from(whole)) {
                    ("toHexString", Ok(int)) => format!("{int:x}"),
                    ("toBinaryString", Ok(int)) => format!("{int:b}"),
                    (_, Ok(int)) => format!("{int:o}"),
                    ("toHexString", Err(_)) => format!("{:x}", narrowed_long(whole)),
                    ("toBinaryString", Err(_)) => format!("{:b}", narrowed_long(whole)),
                    (_, Err(_)) => format!("{:o}", narrowed_long(whole)),
                };
                return self.made(text);
            }
            ("max" | "min" | "sum" | "compare", [Value::Number(left), Value::Number(right)]) => {
                let Some(order) = left.compare(*right) else {
                    return Ok(Some(Value::Number(Number::Double(f64::NAN))));
                };
                Some(match name {
                    "compare" => ordering(order),
                    "max" => Value::Number(if order.is_lt() { *right } else { *left }),
                    "min" => Value::Number(if order.is_gt() { *right } else { *left }),
                    _ => Value::Number(match (left, right) {
                        (Number::Whole(left), Number::Whole(right)) => {
                            Number::Whole(left.saturating_add(*right))
                        }
                        (left, right) => Number::Double(left.as_f64() + right.as_f64()),
                    }),
                })
            }
            ("signum", [Value::Number(number)]) => number.compare(Number::Whole(0)).map(ordering),
            ("toString" | "equals", _) => {
                return self.call_object(&Value::Number(number), name, arguments);
            }
            _ => {
                Self::not_supported("Number", &NOT_SUPPORTED, name)?;
                None
            }
        })
    }

    fn parse_number(&mut self, name: &str, arguments: &[Value<'a>]) -> Outcome<Option<Value<'a>>> {
        let (text, radix) = match arguments {
            [text] => (self.text_of(text)?, 10),
            [text, radix] => {
                let radix = whole(radix).and_then(|radix| u32::try_from(radix).ok());
                let Some(radix) = radix.filter(|radix| (2..=36).contains(radix)) else {
                    return Err(Problem::method(name, "a radix is from 2 to 36").into());
                };
                (self.text_of(text)?, radix)
            }
            _ => return Ok(None),
        };
        self.budget.bytes(text.len())?;
        let number = if name == "parseDouble" {
            Number::of_text(text.trim()).map(|number| Number::Double(number.as_f64()))
        } else {
            let parsed = i128::from_str_radix(&text, radix).ok();
            let fits = |whole: &i128| match name {
                "parseInt" => i32::try_from(*whole).is_ok(),
                _ => i64::try_from(*whole).is_ok(),
            };
            parsed.filter(fits).map(Number::Whole)
        };
        if let Some(number) = number {
            return Ok(Some(Value::Number(number)));
        }
        let shown: String = text.chars().take(40).collect();
        Err(Problem::method(name, format!("`{shown}` is no such number")).into())
    }
}

/// A number in the range of another type: whole ones by their lowest bits, doubles cut to it.
fn narrowed<T: Into<i128>>(number: Number, least: T, greatest: T) -> i128 {
    let (least, greatest) = (least.into(), greatest.into());
    match number {
        Number::Whole(whole) => (whole - least).rem_euclid(greatest - least + 1) + least,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "so does Java, to the nearest end"
        )]
        Number::Double(double) => (double as i128).clamp(least, greatest),
    }
}

fn narrowed_long(whole: i128) -> i64 {
    let long = narrowed(Number::Whole(whole), i64::MIN, i64::MAX);
    i64::try_from(long).unwrap_or_default()
}
