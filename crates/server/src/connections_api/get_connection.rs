//! `GetConnection`: `GET {base}/@connections/{connectionId}`.

use gatepost_gateway::connection::Connection;
use gatepost_wire::management_api::connection_info_body;

use super::operation::Done;

/// Tells who is connected since when. Asking does not count as activity.
pub(super) fn get_connection(connection: &Connection) -> Done {
    let body = connection_info_body(&connection.context, connection.last_active_ms());
    Done::Info(body)
}
