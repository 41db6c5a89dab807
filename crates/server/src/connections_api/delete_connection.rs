//! `DeleteConnection`: `DELETE {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::{clock::Moment, connection::Connection};
use gatepost_model::connection::CloseCause;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::{Authorized, Failure, ended, success};

/// Closes the connection with 1000 `Connection Closed Normally`; it is gone from now on.
pub(super) fn delete_connection(
    connection: &Connection,
    _call: &Authorized<'_>,
) -> Result<Response<Full<Bytes>>, Failure> {
    if connection.close(CloseCause::Deleted, Moment::now()) {
        Ok(success(StatusCode::NO_CONTENT, Bytes::new()))
    } else {
        Err(ended(connection))
    }
}
