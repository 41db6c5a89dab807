//! Printing on stdout and stderr. Whoever closed them wants no more of it, and what runs goes on:
//! `println!` and `eprintln!` would panic.

use std::io::{self, Write};

/// Data, on stdout.
pub fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A warning or an error, on stderr.
pub fn error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
