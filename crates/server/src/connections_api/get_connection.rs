//! `GetConnection`: `GET {base}/@connections/{connectionId}`.

use bytes::Bytes;
use gatepost_gateway::connection::Connection;
use gatepost_wire::management_api::connection_info_body;
use http_body_util::Full;
use hyper::{Response, StatusCode};

use super::{Authorized, success};

/// Tells who is connected since when. Asking does not count as activity.
pub(super) fn get_connection(
    connection: &Connection,
    _call: &Authorized<'_>,
) -> Response<Full<Bytes>> {
    let body = connection_info_body(&connection.context, connection.last_active_ms());
    success(StatusCode::OK, body)
}
