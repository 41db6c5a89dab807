//! `DeleteConnection`: `DELETE {base}/@connections/{connectionId}`.

use gatepost_gateway::{clock::Moment, connection::Connection};
use gatepost_model::connection::CloseCause;

use super::{Failure, ended, operation::Done};

/// Closes the connection with 1000 `Connection Closed Normally`; it is gone from now on.
pub(super) fn delete_connection(connection: &Connection) -> Result<Done, Failure> {
    if connection.close(CloseCause::Deleted, Moment::now()) {
        Ok(Done::Deleted)
    } else {
        Err(ended(connection))
    }
}
