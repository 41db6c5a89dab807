//! A line of a function's log (control-and-observability spec F.5).

/// What a line says of its invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionLine<'a> {
    /// `INIT_START …`: the first line of a stream.
    Init,
    /// `START RequestId: …`.
    Start(&'a str),
    /// `REPORT RequestId: …`.
    Report(&'a str),
    /// Anything that it printed.
    Printed,
}

/// What a line of a function says.
pub fn function_line(message: &str) -> FunctionLine<'_> {
    let id = |begin: &str| {
        let rest = message.strip_prefix(begin)?;
        rest.split([' ', '\t', '\n'])
            .next()
            .filter(|id| id.len() == 36)
    };
    if message.starts_with("INIT_START ") {
        return FunctionLine::Init;
    }
    if let Some(id) = id("START RequestId: ") {
        return FunctionLine::Start(id);
    }
    if let Some(id) = id("REPORT RequestId: ") {
        return FunctionLine::Report(id);
    }
    FunctionLine::Printed
}
