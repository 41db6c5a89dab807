//! Java's patterns to those of `fancy_regex`.

use std::{fmt::Write as _, iter::Peekable, str::Chars};

use super::{JavaRegexError, MAX_PATTERN_BYTES, class};

/// A pattern that means here what the given one means in Java.
pub(super) struct Translated {
    pub(super) pattern: String,
    /// The groups of the given pattern among its own.
    pub(super) groups: Vec<usize>,
    /// Its groups that stand where a `$` does.
    pub(super) ends: Vec<usize>,
    /// Whether it has anything that a search must go back for.
    pub(super) backtracks: bool,
}

/// What becomes of a `$` at the end of an alternative, which in Java also matches before a line end
/// that ends the text. All other `$` look ahead, which is dear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// The line end becomes a part of the match, behind a group that marks the `$`: cheap, and
    /// right unless the text ends with `\r\n`.
    Consumed,
    /// It is looked at, as everywhere.
    LookedAt,
    /// The pattern is for whole texts, where `$` can but be their end.
    Whole,
}

/// How deeply groups and classes may nest.
const MAX_DEPTH: usize = 50;
/// The greatest number in `{n,m}`.
const MAX_REPEAT: u32 = 1000;
/// Java's line ends, for a class.
const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

pub(super) fn translate(pattern: &str, line_ends: LineEnds) -> Result<Translated, JavaRegexError> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(JavaRegexError::TooLarge);
    }
    let mut translator = Translator {
        source: pattern,
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        groups: Vec::new(),
        line_ends,
        group_indexes: vec![0],
        ends: Vec::new(),
        next_group: 1,
        names: Vec::new(),
        backtracks: false,
    };
    if line_ends == LineEnds::Whole {
        translator.out.push_str(r"\A(?:");
    }
    translator.pattern()?;
    if line_ends == LineEnds::Whole {
        translator.out.push_str(r")\z");
    }
    Ok(Translated {
        pattern: translator.out,
        groups: translator.group_indexes,
        ends: translator.ends,
        backtracks: translator.backtracks,
    })
}

/// The flags that can be switched inside of a pattern.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// `i`: ASCII letters match in either case.
    pub(super) ignore_case: bool,
    /// `m`: `^` and `$` match at lines.
    multi_line: bool,
    /// `s`: `.` matches line ends too.
    dot_all: bool,
}

pub(super) struct Translator<'p> {
    pub(super) source: &'p str,
    pub(super) rest: Peekable<Chars<'p>>,
    pub(super) out: String,
    pub(super) flags: Flags,
    /// The flags outside of each group that is open.
    groups: Vec<Flags>,
    line_ends: LineEnds,
    /// The groups of the pattern among those of the translation.
    group_indexes: Vec<usize>,
    ends: Vec<usize>,
    next_group: usize,
    names: Vec<String>,
    backtracks: bool,
}

impl Translator<'_> {
    fn pattern(&mut self) -> Result<(), JavaRegexError> {
        let mut repeatable = false;
        while let Some(c) = self.rest.next() {
            repeatable = match c {
                '\\' => self.escape()?,
                '[' => {
                    class::translate(self, MAX_DEPTH)?;
                    true
                }
                '(' => {
                    self.open_group()?;
                    false
                }
                ')' => {
                    let Some(outer) = self.groups.pop() else {
                        return Err(self.syntax("a `)` without its `(`"));
                    };
                    self.flags = outer;
                    self.out.push(')');
                    true
                }
                '|' => {
                    self.out.push('|');
                    false
                }
                '.' => {
                    if self.flags.dot_all {
                        self.out.push_str("(?s:.)");
                    } else {
                        let _ = write!(self.out, "[^{LINE_ENDS}]");
                    }
                    true
                }
                '^' => {
                    self.line_start();
                    false
                }
                '$' => {
                    self.line_end();
                    false
                }
                '*' | '+' | '?' | '{' if !repeatable => {
                    return Err(self.syntax(&format!("nothing stands before the `{c}`")));
                }
                '*' | '+' | '?' | '{' => {
                    self.repeat(c)?;
                    false
                }
                c => {
                    self.literal(c);
                    true
                }
            };
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            Err(self.syntax("a `(` is not closed"))
        }
    }

    /// `^`: in Java not behind the last line end of a text.
    fn line_start(&mut self) {
        if self.flags.multi_line {
            self.backtracks = true;
            self.out
                .push_str(r"(?:\A|(?<=[\n\x{85}\x{2028}\x{2029}])|(?<=\r)(?!\n))(?!\z)");
        } else {
            self.out.push_str(r"\A");
        }
    }

    /// `$`: in Java also before a line end that ends the text.
    fn line_end(&mut self) {
        let ends_alternative =
            self.groups.is_empty() && matches!(self.rest.peek(), None | Some('|'));
        self.out.push_str(match self.line_ends {
            _ if self.flags.multi_line => {
                self.backtracks = true;
                r"(?:(?=[\r\x{85}\x{2028}\x{2029}])|(?<!\r)(?=\n)|\z)"
            }
            LineEnds::Consumed if ends_alternative => {
                self.ends.push(self.next_group);
                self.next_group += 1;
                r"()(?:\r\n|[\n\r\x{85}\x{2028}\x{2029}])?\z"
            }
            LineEnds::Whole if ends_alternative => r"\z",
            _ => {
                self.backtracks = true;
                r"(?:(?=\r\n\z)|(?=[\r\x{85}\x{2028}\x{2029}]\z)|(?<!\r)(?=\n\z)|\z)"
            }
        });
    }

    fn count_group(&mut self) {
        self.group_indexes.push(self.next_group);
        self.next_group += 1;
    }

    fn group_count(&self) -> usize {
        self.group_indexes.len() - 1
    }

    fn repeat(&mut self, first: char) -> Result<(), JavaRegexError> {
        if first == '{' {
            let mut counts = String::new();
            loop {
                match self.rest.next() {
                    Some('}') => break,
                    Some(c @ ('0'..='9' | ',')) if counts.len() < 9 => counts.push(c),
                    _ => return Err(self.syntax("a `{` that is no repetition")),
                }
            }
            let (least, most) = counts.split_once(',').unwrap_or((&counts, &counts));
            let number = |text: &str| text.parse::<u32>().ok();
            let (Some(least), most) =
                (number(least), number(most).or(most.is_empty().then_some(0)))
            else {
                return Err(self.syntax("a `{` that is no repetition"));
            };
            let Some(greatest) = most else {
                return Err(self.syntax("a `{` that is no repetition"));
            };
            if least.max(greatest) > MAX_REPEAT {
                return Err(self.not_supported(&format!("a repetition above {MAX_REPEAT}")));
            }
            if greatest < least && !counts.ends_with(',') {
                return Err(self.syntax("a repetition whose greatest number is the smaller one"));
            }
            let _ = write!(self.out, "{{{counts}}}");
        } else {
            self.out.push(first);
        }
        match self.rest.peek() {
            Some('?') => {
                self.rest.next();
                self.out.push('?');
            }
            Some('+') => {
                self.rest.next();
                self.backtracks = true;
                if first == '{' {
                    return Err(self.not_supported("a possessive repetition `{…}+`"));
                }
                self.out.push('+');
            }
            _ => {}
        }
        Ok(())
    }

    fn open_group(&mut self) -> Result<(), JavaRegexError> {
        if self.groups.len() == MAX_DEPTH {
            return Err(JavaRegexError::TooLarge);
        }
        let outer = self.flags;
        if self.rest.peek() != Some(&'?') {
            self.count_group();
            self.groups.push(outer);
            self.out.push('(');
            return Ok(());
        }
        self.rest.next();
        match self.rest.next() {
            Some(':') => self.out.push_str("(?:"),
            Some(c @ ('=' | '!' | '>')) => {
                self.backtracks = true;
                let _ = write!(self.out, "(?{c}");
            }
            Some('<') => {
                if let Some(c @ ('=' | '!')) = self.rest.peek().copied() {
                    self.rest.next();
                    let _ = write!(self.out, "(?<{c}");
                    self.backtracks = true;
                } else {
                    let name = self.group_name()?;
                    if self.names.contains(&name) {
                        return Err(self.syntax(&format!("two groups are named `{name}`")));
                    }
                    let _ = write!(self.out, "(?<{name}>");
                    self.names.push(name);
                    self.count_group();
                }
            }
            Some(c) => return self.flag_group(c, outer),
            None => return Err(self.syntax("a `(` is not closed")),
        }
        self.groups.push(outer);
        Ok(())
    }

    /// `(?i)`, for the rest of the group, or `(?i-s:…)`.
    fn flag_group(&mut self, first: char, outer: Flags) -> Result<(), JavaRegexError> {
        let mut next = Some(first);
        let mut on = true;
        let mut flags = outer;
        loop {
            match next {
                Some('-') if on => on = false,
                Some('i') => flags.ignore_case = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_all = on,
                Some(c @ ('d' | 'u' | 'U' | 'x')) => {
                    return Err(self.not_supported(&format!("the flag `{c}`")));
                }
                Some(')') => {
                    self.flags = flags;
                    return Ok(());
                }
                Some(':') => {
                    self.groups.push(outer);
                    self.flags = flags;
                    self.out.push_str("(?:");
                    return Ok(());
                }
                _ => return Err(self.syntax("a `(?` that begins no group")),
            }
            next = self.rest.next();
        }
    }

    fn group_name(&mut self) -> Result<String, JavaRegexError> {
        let mut name = String::new();
        loop {
            match self.rest.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(c) if c.is_ascii_alphabetic() => name.push(c),
                Some(c) if c.is_ascii_digit() && !name.is_empty() => name.push(c),
                _ => return Err(self.syntax("a name of a group has letters and digits only")),
            }
        }
    }

    /// What follows a `\`; whether it can be repeated.
    fn escape(&mut self) -> Result<bool, JavaRegexError> {
        let Some(&c) = self.rest.peek() else {
            return Err(self.syntax("a `\\` at the end"));
        };
        if let Some(items) = class::shorthand(c) {
            self.rest.next();
            let _ = write!(self.out, "[{items}]");
            return Ok(true);
        }
        match c {
            'b' | 'B' => {
                self.rest.next();
                if self.rest.peek() == Some(&'{') {
                    return Err(self.not_supported("`\\b{…}`"));
                }
                let _ = write!(self.out, "\\{c}");
                Ok(false)
            }
            'A' | 'z' => {
                self.rest.next();
                let _ = write!(self.out, "\\{c}");
                Ok(false)
            }
            'Z' => {
                self.rest.next();
                let inside = self.flags;
                self.flags.multi_line = false;
                self.line_end();
                self.flags = inside;
                Ok(false)
            }
            'R' => {
                self.rest.next();
                let _ = write!(self.out, r"(?:\r\n|[{LINE_ENDS}\x0B\x0C])");
                Ok(true)
            }
            'G' | 'X' | 'N' => Err(self.not_supported(&format!("`\\{c}`"))),
            'p' | 'P' => {
                self.rest.next();
                let items = class::property(self, c == 'P')?;
                let _ = write!(self.out, "[{items}]");
                Ok(true)
            }
            'Q' => {
                self.rest.next();
                let quoted = self.quoted();
                let repeatable = !quoted.is_empty();
                quoted.chars().for_each(|c| self.literal(c));
                Ok(repeatable)
            }
            'k' => {
                self.rest.next();
                if self.rest.next() != Some('<') {
                    return Err(self.syntax("a `\\k` without `<name>`"));
                }
                let name = self.group_name()?;
                if !self.names.contains(&name) {
                    return Err(self.syntax(&format!("no group is named `{name}`")));
                }
                self.back_reference(&format!("\\k<{name}>"))
            }
            '1'..='9' => {
                let mut number = 0;
                while let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if number > 0 && longer > self.group_count() {
                        break;
                    }
                    number = longer;
                    self.rest.next();
                }
                let Some(index) = self.group_indexes.get(number) else {
                    return Err(self.not_supported(&format!("`\\{number}` without such a group")));
                };
                self.back_reference(&format!("(?:\\{index})"))
            }
            _ => {
                let c = self.escaped_character()?;
                self.literal(c);
                Ok(true)
            }
        }
    }

    fn back_reference(&mut self, reference: &str) -> Result<bool, JavaRegexError> {
        if self.flags.ignore_case {
            return Err(self.not_supported("a back reference under the flag `i`"));
        }
        self.backtracks = true;
        self.out.push_str(reference);
        Ok(true)
    }

    /// The rest of `\Q…\E`.
    pub(super) fn quoted(&mut self) -> String {
        let mut quoted = String::new();
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                break;
            }
            quoted.push(c);
        }
        quoted
    }

    /// The one character that an escape stands for, behind the `\`.
    pub(super) fn escaped_character(&mut self) -> Result<char, JavaRegexError> {
        let Some(c) = self.rest.next() else {
            return Err(self.syntax("a `\\` at the end"));
        };
        let code = match c {
            't' => 0x09,
            'n' => 0x0A,
            'r' => 0x0D,
            'f' => 0x0C,
            'a' => 0x07,
            'e' => 0x1B,
            '0' => self.digits(8, 1, 3)?,
            'u' => self.digits(16, 4, 4)?,
            'x' if self.rest.peek() == Some(&'{') => {
                self.rest.next();
                let code = self.digits(16, 1, 6)?;
                if self.rest.next() != Some('}') {
                    return Err(self.syntax("a `\\x{` is not closed"));
                }
                code
            }
            'x' => self.digits(16, 2, 2)?,
            'c' => match self.rest.next() {
                Some(c) if c.is_ascii() => u32::from(c) ^ 64,
                _ => return Err(self.syntax("a `\\c` without its character")),
            },
            c if c.is_ascii_alphabetic() => {
                return Err(self.syntax(&format!("an unknown escape `\\{c}`")));
            }
            c => u32::from(c),
        };
        char::from_u32(code).ok_or_else(|| self.not_supported("half of a surrogate pair"))
    }

    fn digits(&mut self, radix: u32, least: usize, most: usize) -> Result<u32, JavaRegexError> {
        let mut code = 0;
        for count in 0..most {
            let digit = self.rest.peek().and_then(|c| c.to_digit(radix));
            // Three octal digits begin with 0 to 3.
            let fits = radix != 8 || count < 2 || code < 0o40;
            match digit.filter(|_| fits) {
                Some(digit) => code = code * radix + digit,
                None if count >= least => break,
                None => return Err(self.syntax("an escape without its digits")),
            }
            self.rest.next();
        }
        Ok(code)
    }

    fn literal(&mut self, c: char) {
        if self.flags.ignore_case && c.is_ascii_alphabetic() {
            let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
            let _ = write!(self.out, "[{lower}{upper}]");
        } else if c.is_ascii_alphanumeric() || c == '_' {
            self.out.push(c);
        } else {
            let _ = write!(self.out, "\\x{{{:X}}}", u32::from(c));
        }
    }

    pub(super) fn syntax(&self, problem: &str) -> JavaRegexError {
        JavaRegexError::Syntax {
            pattern: self.source.to_owned(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn not_supported(&self, what: &str) -> JavaRegexError {
        JavaRegexError::NotSupported {
            pattern: self.source.to_owned(),
            what: what.to_owned(),
        }
    }
}
