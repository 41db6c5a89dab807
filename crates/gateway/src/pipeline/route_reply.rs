//! The route response: whether and with what the client is answered (data-plane spec 3.4, 5.10).

use std::borrow::Cow;

use bytes::Bytes;
use gatepost_model::{
    fault::{Fault, FaultKind},
    stage_settings::StageSettings,
};
use gatepost_wire::payload;

use super::{
    integration_response::{IntegrationReply, ReplyBody},
    transformation::to_binary,
};
use crate::{connection::message::Message, deployed::DeployedRoute};

/// The message that answers a message: none on a one-way route, or when the body is empty.
///
/// # Errors
/// `Internal server error` for a body that no message may be as long as, or that should be base64
/// and is not.
pub fn route_reply(
    route: &DeployedRoute,
    reply: IntegrationReply,
    settings: &StageSettings,
) -> Result<Option<Message<'static>>, Fault> {
    if !route.two_way {
        return Ok(None);
    }
    let message = if settings.extensions.binary_frames {
        text_or_binary(reply)?
    } else {
        text(reply.body)
    };
    let (length, most) = (message.bytes().len(), settings.limits.max_message_bytes);
    if length > most {
        let detail =
            format!("the integration's answer has {length} bytes, a message at most {most}");
        return Err(Fault::new(FaultKind::IntegrationFailure, detail));
    }
    Ok((length > 0).then_some(message))
}

/// A frame is text: what is no UTF-8 is replaced, as Java does.
fn text(body: Bytes) -> Message<'static> {
    match String::from_utf8(body.into()) {
        Ok(text) => text.into(),
        Err(error) => String::from_utf8_lossy(error.as_bytes())
            .into_owned()
            .into(),
    }
}

/// A frame of the kind that the answer asks for.
fn text_or_binary(reply: IntegrationReply) -> Result<Message<'static>, Fault> {
    let binary = match reply.body_is {
        ReplyBody::Text => None,
        ReplyBody::Base64 => Some(to_binary(&reply.body)?),
        ReplyBody::Raw => {
            payload::is_binary(reply.content_type(), &reply.body).then(|| reply.body.clone())
        }
    };
    Ok(match binary {
        Some(bytes) => Message::Binary(Cow::Owned(bytes.into())),
        None => text(reply.body),
    })
}
