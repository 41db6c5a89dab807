//! What a call asks for, and carrying it out for whom it is allowed.

use std::sync::Arc;

use bytes::Bytes;
use gatepost_gateway::gateway::{FoundConnection, Gateway, RecognisedId};
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};

use super::{
    Authorized, Failure,
    delete_connection::delete_connection,
    get_connection::get_connection,
    post_to_connection::{self, Post, post_to_connection},
    success,
};

/// An operation of `ApiGatewayManagementApi`.
pub(super) enum Operation<'a> {
    Post(Post<'a>),
    Get,
    Delete,
}

/// An operation that was carried out.
pub(super) enum Done {
    Posted,
    /// The body of `GetConnection`.
    Info(String),
    Deleted,
}

impl<'a> Operation<'a> {
    /// What an authorized caller asks for.
    pub fn of(method: &Method, call: &'a Authorized<'_>) -> Result<Self, Failure> {
        match *method {
            Method::POST => Ok(Self::Post(Post::of(call))),
            Method::GET => Ok(Self::Get),
            Method::DELETE => Ok(Self::Delete),
            _ => Err(Failure::NoMethod),
        }
    }

    /// Carries it out on a connection of this Gatepost.
    pub async fn carry_out(
        &self,
        gateway: &Arc<Gateway>,
        recognised: RecognisedId,
    ) -> Result<Done, Failure> {
        let connection = match gateway.find(recognised.clone()).await {
            FoundConnection::Open(connection) => connection,
            FoundConnection::Establishing(establishing) => {
                return match self {
                    Self::Post(post) => {
                        post_to_connection::held(gateway, recognised, establishing, post).await
                    }
                    Self::Get | Self::Delete => Err(Failure::Gone(establishing.gone())),
                };
            }
            FoundConnection::Gone(reason) => return Err(Failure::Gone(reason)),
        };
        match self {
            Self::Post(post) => post_to_connection(gateway, &connection, post),
            Self::Get => Ok(get_connection(&connection)),
            Self::Delete => delete_connection(&connection),
        }
    }
}

impl Done {
    /// AWS's answer.
    pub fn response(self) -> Response<Full<Bytes>> {
        match self {
            Self::Posted => success(StatusCode::OK, Bytes::new()),
            Self::Info(body) => success(StatusCode::OK, body),
            Self::Deleted => success(StatusCode::NO_CONTENT, Bytes::new()),
        }
    }
}
