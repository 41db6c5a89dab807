//! Newtypes for identifiers, so that one kind of id never stands where another is meant.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! string_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a value that is already known to be of this kind.
            pub fn new(value: impl Into<Arc<str>>) -> Self {
                Self(value.into())
            }

            /// The id as text, as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.into())
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

string_ids! {
    /// `apiId`: ten lower-case letters and digits.
    ApiId;
    /// `stageName`: letters, digits, `-`, `_`, at most 128 (and, as SST deploys it, `$default`).
    StageName;
    /// `routeId`: seven lower-case letters and digits.
    RouteId;
    /// `integrationId`: seven lower-case letters and digits.
    IntegrationId;
    /// `integrationResponseId`: six lower-case letters and digits.
    IntegrationResponseId;
    /// `routeResponseId`: six lower-case letters and digits.
    RouteResponseId;
    /// `authorizerId`: six lower-case letters and digits.
    AuthorizerId;
    /// `modelId`.
    ModelId;
    /// `deploymentId`: six lower-case letters and digits.
    DeploymentId;
    /// `id` of an API key: ten lower-case letters and digits.
    ApiKeyId;
    /// `id` of a usage plan: six lower-case letters and digits.
    UsagePlanId;
    /// A Lambda function's name, without account, region or qualifier.
    FunctionName;
    /// `requestId` of the data plane: `^[A-Za-z0-9_-]{15}=$`, new for every event.
    RequestId;
    /// `messageId` of a message event: the shape of a connection id.
    MessageId;
}
