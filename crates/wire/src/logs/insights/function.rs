//! The functions of the query language that give a value for each row.

use std::net::IpAddr;

use super::value::Value;

/// A function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Function {
    /// Its name, in lower case.
    name: &'static str,
    /// How many arguments it takes at least, and at most.
    arguments: (usize, usize),
    body: Body,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    Now,
    Of(fn(&[Value]) -> Value),
}

/// The greatest text that a function makes, bytes.
const MAX_TEXT: usize = 1024 * 1024;
/// Any number of arguments, as far as a query can write them.
const ANY: usize = usize::MAX;

const FUNCTIONS: [Function; 35] = [
    of("abs", (1, 1), |args| math(args, f64::abs)),
    of("ceil", (1, 1), |args| math(args, f64::ceil)),
    of("floor", (1, 1), |args| math(args, f64::floor)),
    of("round", (1, 2), round),
    of("sqrt", (1, 1), |args| math(args, f64::sqrt)),
    of("log", (1, 1), |args| math(args, f64::ln)),
    of("greatest", (1, ANY), |args| fold(args, f64::max)),
    of("least", (1, ANY), |args| fold(args, f64::min)),
    of("tonumber", (1, 1), |args| math(args, |number| number)),
    of("ispresent", (1, 1), |args| (!args[0].is_null()).into()),
    of("coalesce", (1, ANY), |args| {
        let first = args.iter().find(|value| !value.is_null());
        first.cloned().unwrap_or(Value::Null)
    }),
    of("if", (3, 3), |args| {
        args[if args[0].is_true() { 1 } else { 2 }].clone()
    }),
    of("isempty", (1, 1), |args| {
        args[0].as_text().is_empty().into()
    }),
    of("isblank", (1, 1), |args| {
        args[0].as_text().trim().is_empty().into()
    }),
    of("concat", (1, ANY), concat),
    of("strlen", (1, 1), |args| {
        text(args, |text| count(text.chars().count()))
    }),
    of("toupper", (1, 1), |args| {
        text(args, |text| Value::text(text.to_uppercase()))
    }),
    of("tolower", (1, 1), |args| {
        text(args, |text| Value::text(text.to_lowercase()))
    }),
    of("trim", (1, 2), |args| trim(args, true, true)),
    of("ltrim", (1, 2), |args| trim(args, true, false)),
    of("rtrim", (1, 2), |args| trim(args, false, true)),
    of("substr", (2, 3), substr),
    of("replace", (3, 3), replace),
    of("strcontains", (2, 2), |args| {
        both(args, |text, part| text.contains(part))
    }),
    of("startswith", (2, 2), |args| {
        both(args, |text, part| text.starts_with(part))
    }),
    of("endswith", (2, 2), |args| {
        both(args, |text, part| text.ends_with(part))
    }),
    of("frommillis", (1, 1), |args| {
        let ms = args[0].as_number();
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        ms.map_or(Value::Null, |ms| Value::Time(ms as i64))
    }),
    of("tomillis", (1, 1), |args| math(args, |number| number)),
    Function {
        name: "now",
        arguments: (0, 0),
        body: Body::Now,
    },
    of("isvalidip", (1, 1), |args| ip(args, |_| true)),
    of("isvalidipv4", (1, 1), |args| ip(args, IpAddr::is_ipv4)),
    of("isvalidipv6", (1, 1), |args| ip(args, IpAddr::is_ipv6)),
    of("isipinsubnet", (2, 2), |args| subnet(args, |_| true)),
    of("isipv4insubnet", (2, 2), |args| {
        subnet(args, IpAddr::is_ipv4)
    }),
    of("isipv6insubnet", (2, 2), |args| {
        subnet(args, IpAddr::is_ipv6)
    }),
];

const fn of(
    name: &'static str,
    arguments: (usize, usize),
    body: fn(&[Value]) -> Value,
) -> Function {
    Function {
        name,
        arguments,
        body: Body::Of(body),
    }
}

impl Function {
    /// The function of this name, whatever its case.
    pub(super) fn named(name: &str) -> Option<Self> {
        let mut functions = FUNCTIONS.into_iter();
        functions.find(|function| function.name.eq_ignore_ascii_case(name))
    }

    /// Whether it takes so many arguments.
    pub(super) fn takes(self, arguments: usize) -> bool {
        (self.arguments.0..=self.arguments.1).contains(&arguments)
    }

    /// Its value for as many arguments as it takes.
    #[expect(clippy::cast_precision_loss, reason = "seconds fit")]
    pub(super) fn call(self, arguments: &[Value], now_ms: i64) -> Value {
        match self.body {
            Body::Now => Value::number((now_ms / 1000) as f64),
            Body::Of(body) => body(arguments),
        }
    }
}

fn math(arguments: &[Value], function: fn(f64) -> f64) -> Value {
    let number = arguments[0].as_number();
    number.map_or(Value::Null, |number| Value::number(function(number)))
}

fn fold(arguments: &[Value], choose: fn(f64, f64) -> f64) -> Value {
    let numbers = arguments.iter().filter_map(Value::as_number);
    numbers.reduce(choose).map_or(Value::Null, Value::number)
}

/// To so many digits behind the point: none, unless a second argument says how many.
fn round(arguments: &[Value]) -> Value {
    let digits = arguments.get(1).and_then(Value::as_number).unwrap_or(0.0);
    let scale = 10_f64.powf(digits.clamp(-15.0, 15.0).trunc());
    let number = arguments[0].as_number();
    number.map_or(Value::Null, |number| {
        Value::number((number * scale).round() / scale)
    })
}

/// A function of a text, which gives nothing where there is none.
fn text(arguments: &[Value], function: impl FnOnce(&str) -> Value) -> Value {
    match &arguments[0] {
        Value::Null => Value::Null,
        value => function(&value.as_text()),
    }
}

fn both(arguments: &[Value], function: fn(&str, &str) -> bool) -> Value {
    let is_there = !arguments[0].is_null() && !arguments[1].is_null();
    (is_there && function(&arguments[0].as_text(), &arguments[1].as_text())).into()
}

#[expect(clippy::cast_precision_loss, reason = "texts are shorter than 2^52")]
fn count(count: usize) -> Value {
    Value::number(count as f64)
}

fn concat(arguments: &[Value]) -> Value {
    let mut text = String::new();
    for argument in arguments {
        text.push_str(&argument.as_text());
        if text.len() > MAX_TEXT {
            return Value::Null;
        }
    }
    Value::text(text)
}

/// Without blanks, or the characters of a second argument, at its ends.
fn trim(arguments: &[Value], left: bool, right: bool) -> Value {
    let characters: Option<Vec<char>> = arguments
        .get(1)
        .map(|characters| characters.as_text().chars().collect());
    let goes = |c: char| match &characters {
        None => c.is_whitespace(),
        Some(characters) => characters.contains(&c),
    };
    text(arguments, |text| {
        let text = if left {
            text.trim_start_matches(goes)
        } else {
            text
        };
        Value::text(if right {
            text.trim_end_matches(goes)
        } else {
            text
        })
    })
}

fn substr(arguments: &[Value]) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates"
    )]
    let number = |index: usize| Some(arguments.get(index)?.as_number()? as usize);
    let start = number(1).unwrap_or(0);
    let length = number(2).unwrap_or(usize::MAX);
    text(arguments, |text| {
        Value::text(text.chars().skip(start).take(length).collect::<String>())
    })
}

fn replace(arguments: &[Value]) -> Value {
    let (part, by) = (arguments[1].as_text(), arguments[2].as_text());
    text(arguments, |text| {
        if part.is_empty() {
            return Value::text(text);
        }
        let times = text.matches(&*part).count();
        if text.len() + times * by.len() > MAX_TEXT {
            return Value::Null;
        }
        Value::text(text.replace(&*part, &by))
    })
}

fn ip(arguments: &[Value], test: fn(&IpAddr) -> bool) -> Value {
    let ip = arguments[0].as_text().parse::<IpAddr>();
    ip.is_ok_and(|ip| test(&ip)).into()
}

/// Whether an address is in a subnet such as `192.0.2.0/24`.
fn subnet(arguments: &[Value], test: fn(&IpAddr) -> bool) -> Value {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (32, u128::from(ip.to_bits()) << 96),
        IpAddr::V6(ip) => (128, ip.to_bits()),
    };
    let contains = || {
        let ip = arguments[0].as_text().parse::<IpAddr>().ok()?;
        let subnet = arguments[1].as_text();
        let (network, prefix) = subnet.split_once('/')?;
        let prefix: u32 = prefix.parse().ok()?;
        let (width, network) = bits(network.parse().ok()?);
        let (own_width, own) = bits(ip);
        let differing = (network ^ own).leading_zeros();
        Some(test(&ip) && width == own_width && prefix <= width && differing >= prefix)
    };
    contains().unwrap_or(false).into()
}
