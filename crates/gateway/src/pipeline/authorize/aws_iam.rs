//! `AWS_IAM`: the handshake is signed, in its headers or presigned, and its signer may invoke the
//! route (data-plane spec 9.3).

use gatepost_model::{
    fault::{Fault, FaultKind},
    request_context::{RequestContext, Signer},
};
use gatepost_wire::sigv4::{SigV4Error, SignedRequest};

use super::{INVOKE, connect_arn, facts};
use crate::{gateway::Gateway, pipeline::ConnectRequest};

/// The signing name of the data plane.
const SERVICE: &str = "execute-api";

/// Who signed the handshake.
pub(super) fn authorize(
    gateway: &Gateway,
    context: &RequestContext,
    request: &ConnectRequest,
) -> Result<Signer, Fault> {
    let head = &request.head;
    let signed = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        authority: &request.domain_name,
        headers: &head.headers,
    };
    let caller = gateway
        .auth
        .identify_signed(&signed, SERVICE, context.request_time_ms / 1000)
        .and_then(|identified| identified.verify(&signed, b""))
        .map_err(|error| refused(&error))?;
    let resource = connect_arn(gateway, context);
    let facts = facts(gateway.region(), context, &request.handshake);
    caller
        .authorize(INVOKE, &resource.to_string(), &facts)
        .map_err(|denial| {
            let caller = caller.principal().to_string();
            let message = denial.message(&caller, INVOKE, &resource.masked());
            Fault::public(FaultKind::AccessDenied, message)
        })?;
    Ok(caller.signer())
}

fn refused(error: &SigV4Error) -> Fault {
    let kind = match error {
        SigV4Error::MissingAuthenticationToken => FaultKind::MissingAuthenticationToken,
        _ => FaultKind::InvalidSignature,
    };
    Fault::public(kind, error.to_string())
}
