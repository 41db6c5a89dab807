//! Logs of an API at AWS, as tools print them: what their lines say, whoever wrote them.

mod access_row;
mod csv;
mod execution_line;
mod function_line;
mod printed;
mod time;

pub use access_row::{AccessRow, Columns};
pub use execution_line::{ExecutionLine, execution_line};
pub use function_line::{FunctionLine, function_line};
pub use printed::{PrintedEvent, printed_events};
