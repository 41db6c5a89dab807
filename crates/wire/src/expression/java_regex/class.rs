//! Character classes: `[a-z&&[^q]]`, `\d`, `\p{Alpha}`.

use std::fmt::Write as _;

use super::{JavaRegexError, translate::Translator};

/// The items of a class that a letter stands for, ASCII as in Java.
pub(super) fn shorthand(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "0-9",
        'D' => "[^0-9]",
        'w' => "a-zA-Z0-9_",
        'W' => "[^a-zA-Z0-9_]",
        's' => r"\t\n\x0B\x0C\r\x20",
        'S' => r"[^\t\n\x0B\x0C\r\x20]",
        'h' => r"\x20\t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}",
        'H' => r"[^\x20\t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}]",
        'v' => r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}",
        'V' => r"[^\n\x0B\x0C\r\x{85}\x{2028}\x{2029}]",
        _ => return None,
    })
}

/// The items of `\p…`, whose letter has been read.
pub(super) fn property(
    translator: &mut Translator<'_>,
    negated: bool,
) -> Result<String, JavaRegexError> {
    let mut name = String::new();
    match translator.rest.next() {
        Some('{') => loop {
            match translator.rest.next() {
                Some('}') => break,
                Some(c) => name.push(c),
                None => return Err(translator.syntax("a `\\p{` is not closed")),
            }
        },
        Some(c) => name.push(c),
        None => return Err(translator.syntax("a `\\p` at the end")),
    }
    let depends_on_case = [
        "Lower",
        "Upper",
        "Lu",
        "Ll",
        "Lt",
        "IsLowercase",
        "IsUppercase",
    ];
    let items = match &*name {
        name if translator.flags.ignore_case && depends_on_case.contains(&name) => {
            return Err(translator.not_supported(&format!("`\\p{{{name}}}` under the flag `i`")));
        }
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x00-\x7F",
        "Alpha" => "a-zA-Z",
        "Digit" => "0-9",
        "Alnum" => "a-zA-Z0-9",
        "Punct" => r"!-/:-@\[-`{-~",
        "Graph" => "!-~",
        "Print" => r"\x20-~",
        "Blank" => r"\x20\t",
        "Cntrl" => r"\x00-\x1F\x7F",
        "XDigit" => "0-9a-fA-F",
        "Space" => r"\t\n\x0B\x0C\r\x20",
        "IsAlphabetic" => r"\p{Alphabetic}",
        "IsLowercase" => r"\p{Lowercase}",
        "IsUppercase" => r"\p{Uppercase}",
        "IsWhite_Space" => r"\p{White_Space}",
        "IsLatin" => r"\p{Latin}",
        "IsGreek" => r"\p{Greek}",
        "IsCyrillic" => r"\p{Cyrillic}",
        "IsHan" => r"\p{Han}",
        "IsHiragana" => r"\p{Hiragana}",
        "IsKatakana" => r"\p{Katakana}",
        "IsArabic" => r"\p{Arabic}",
        "IsHebrew" => r"\p{Hebrew}",
        "IsHangul" => r"\p{Hangul}",
        "IsThai" => r"\p{Thai}",
        "L" | "IsL" => r"\p{L}",
        "Lu" | "IsLu" => r"\p{Lu}",
        "Ll" | "IsLl" => r"\p{Ll}",
        "Lt" => r"\p{Lt}",
        "M" | "IsM" => r"\p{M}",
        "N" | "IsN" => r"\p{N}",
        "Nd" | "IsNd" | "IsDigit" => r"\p{Nd}",
        "P" | "IsP" | "IsPunctuation" => r"\p{P}",
        "S" | "IsS" => r"\p{S}",
        "Z" | "IsZ" => r"\p{Z}",
        _ => return Err(translator.not_supported(&format!("the property `\\p{{{name}}}`"))),
    };
    Ok(if negated {
        format!("[^{items}]")
    } else {
        items.to_owned()
    })
}

/// Translates a class whose `[` has been read.
pub(super) fn translate(
    translator: &mut Translator<'_>,
    depth_left: usize,
) -> Result<(), JavaRegexError> {
    if depth_left == 0 {
        return Err(JavaRegexError::TooLarge);
    }
    translator.out.push('[');
    let negated = translator.rest.peek() == Some(&'^');
    if negated {
        translator.rest.next();
        translator.out.push('^');
    }
    let mut is_empty = true;
    loop {
        let Some(c) = translator.rest.next() else {
            return Err(translator.syntax("a `[` is not closed"));
        };
        match c {
            ']' if !is_empty => {
                translator.out.push(']');
                return Ok(());
            }
            '[' if negated => {
                return Err(translator.not_supported("a class inside of a negated class"));
            }
            '[' => translate(translator, depth_left - 1)?,
            '&' if translator.rest.peek() == Some(&'&') => {
                translator.rest.next();
                if negated || is_empty {
                    return Err(translator.not_supported("`&&` in a negated class or at its begin"));
                }
                translator.out.push_str("&&");
                is_empty = true;
                continue;
            }
            '\\' => escaped(translator)?,
            c => range_or_character(translator, c)?,
        }
        is_empty = false;
    }
}

fn escaped(translator: &mut Translator<'_>) -> Result<(), JavaRegexError> {
    match translator.rest.peek().copied() {
        Some(letter) if shorthand(letter).is_some() => {
            translator.rest.next();
            translator
                .out
                .push_str(shorthand(letter).unwrap_or_default());
        }
        Some(letter @ ('p' | 'P')) => {
            translator.rest.next();
            let items = property(translator, letter == 'P')?;
            translator.out.push_str(&items);
        }
        Some('Q') => {
            translator.rest.next();
            for c in translator.quoted().chars() {
                push_range(translator, c, c);
            }
        }
        _ => {
            let first = translator.escaped_character()?;
            range_or_character(translator, first)?;
        }
    }
    Ok(())
}

/// `a` or `a-z`, whose first character has been read.
fn range_or_character(translator: &mut Translator<'_>, first: char) -> Result<(), JavaRegexError> {
    let mut ahead = translator.rest.clone();
    let is_range = ahead.next() == Some('-') && !matches!(ahead.peek(), None | Some(']' | '['));
    let last = if is_range {
        translator.rest.next();
        match translator.rest.next() {
            Some('\\') => translator.escaped_character()?,
            Some(c) => c,
            None => first,
        }
    } else {
        first
    };
    if last < first {
        return Err(translator.syntax("a range that ends before it begins"));
    }
    push_range(translator, first, last);
    Ok(())
}

fn push_range(translator: &mut Translator<'_>, first: char, last: char) {
    write_range(&mut translator.out, first, last);
    if !translator.flags.ignore_case {
        return;
    }
    for (from, to, offset) in [('a', 'z', -32_i32), ('A', 'Z', 32)] {
        let (from, to) = (first.max(from), last.min(to));
        let swapped = |c: char| {
            let code = u32::from(c).checked_add_signed(offset)?;
            char::from_u32(code)
        };
        if let (true, Some(from), Some(to)) = (from <= to, swapped(from), swapped(to)) {
            write_range(&mut translator.out, from, to);
        }
    }
}

fn write_range(out: &mut String, first: char, last: char) {
    let _ = write!(out, "\\x{{{:X}}}", u32::from(first));
    if first != last {
        let _ = write!(out, "-\\x{{{:X}}}", u32::from(last));
    }
}
