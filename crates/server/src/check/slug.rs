//! The kinds of findings: their stable names, how bad they are, and what comes of them.

use std::str::FromStr;

/// How sure and how bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It fails on AWS whenever it is reached.
    Error,
    /// It fails in cases that come, or does not do what it seems to.
    Warning,
}

impl Severity {
    /// As it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What a finding is about; a heading of its own where findings are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The template as such.
    Template,
    /// Ids of connections: when they are posted to, kept and forgotten.
    Connections,
    /// What is sent to clients.
    Messages,
    /// Who may call `@connections`, and who may invoke functions.
    Permissions,
    /// The URL of `@connections`.
    Endpoint,
    /// Routes and their replies.
    Routes,
    /// Integrations.
    Integrations,
    /// Who may connect.
    Authorization,
    /// Stages and deployments.
    Deployment,
}

impl Subject {
    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Template => "Template",
            Self::Connections => "Connections",
            Self::Messages => "Messages",
            Self::Permissions => "Permissions",
            Self::Endpoint => "Endpoint of @connections",
            Self::Routes => "Routes",
            Self::Integrations => "Integrations",
            Self::Authorization => "Authorization",
            Self::Deployment => "Deployment",
        }
    }
}

macro_rules! slugs {
    ($($variant:ident $name:literal $subject:ident $severity:ident $consequence:literal;)*) => {
        /// A kind of finding. The name is stable: it is printed, silenced by, and a section of
        /// `docs/checks.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Slug {
            $(#[doc = concat!("`", $name, "`: `", $consequence, "`")] $variant,)*
        }

        impl Slug {
            /// All kinds, in the order of their subjects.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Under which heading it stands.
            pub fn subject(self) -> Subject {
                match self { $(Self::$variant => Subject::$subject,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What comes of it.
            pub fn consequence(self) -> &'static str {
                match self { $(Self::$variant => $consequence,)* }
            }
        }
    };
}

slugs! {
    Template "template" Template Error
        "AWS does not take the template, or not as it is meant";
    WithoutEffect "without-effect" Template Warning
        "AWS takes it, and it does not do what it seems to";

    PostBeforeOpen "post-before-open" Connections Error
        "410 GoneException: the connection is open only once $connect has answered";
    PostAfterClose "post-after-close" Connections Error
        "410 GoneException: the connection is closed when $disconnect runs";
    ConnectWithoutStatus "connect-without-status" Connections Error
        "no client can connect: an answer of $connect without a statusCode is a 502";
    NoDisconnectRoute "no-disconnect-route" Connections Warning
        "ids of closed connections are kept, and each post to one is a 410";
    DisconnectKeepsId "disconnect-keeps-id" Connections Warning
        "ids of closed connections are kept, and each post to one is a 410";
    GoneNotHandled "gone-not-handled" Connections Warning
        "the first recipient that has left ends the function with GoneException, and those behind \
         it get nothing";
    GoneIdKept "gone-id-kept" Connections Warning
        "the id is posted to again and again, each time a 410: $disconnect does not run for every \
         connection that ends";
    GoneStatusCode "gone-status-code" Connections Error
        "GoneException is never recognised: errors of version 3 of the SDK have no statusCode";
    NoTtl "no-ttl" Connections Warning
        "$disconnect is best effort, so ids stay in the table for ever";
    TtlNotWritten "ttl-not-written" Connections Warning
        "items without the attribute never expire";
    MissingMember "missing-event-member" Connections Error
        "the handler fails: the handshake's headers and query string are in the event of $connect \
         only";

    PostNotAwaited "post-not-awaited" Messages Error
        "the function is frozen when its handler returns: the message is sent late or never";
    BinaryPayload "binary-payload" Messages Error
        "WebSocket APIs send text frames only: the client gets broken text or a closed connection";
    MessageTooBig "message-too-big" Messages Error
        "413: a message may have 128 KB";
    MessageSizeUnbounded "message-size-unbounded" Messages Warning
        "413 as soon as the object is larger than 128 KB";

    ManageConnectionsMissing "manage-connections-missing" Permissions Error
        "403 AccessDeniedException for every call of @connections";
    ManageConnectionsResource "manage-connections-resource" Permissions Error
        "403 AccessDeniedException: AWS compares the policy with …/{stage}/{METHOD}/@connections/\
         {connectionId}, braces and all";
    ManageConnectionsMethod "manage-connections-method" Permissions Error
        "403 AccessDeniedException for GetConnection or DeleteConnection";
    InvokePermissionMissing "invoke-permission-missing" Permissions Error
        "API Gateway may not invoke the function: Internal server error, or a refused handshake";
    InvokePermissionSource "invoke-permission-source" Permissions Error
        "API Gateway may not invoke the function: Internal server error, or a refused handshake";
    CredentialsMissing "credentials-missing" Permissions Error
        "API Gateway has no right to call the service: Internal server error";
    VpcWithoutRoute "vpc-without-route" Permissions Warning
        "calls of @connections hang until the function times out";

    EndpointMissing "endpoint-missing" Endpoint Error
        "the SDK calls a host that serves no API";
    EndpointScheme "endpoint-scheme" Endpoint Error
        "the SDK cannot call it: @connections is HTTPS";
    EndpointWithoutStage "endpoint-without-stage" Endpoint Error
        "403 Forbidden: the stage is the first step of the path";
    EndpointPath "endpoint-path" Endpoint Error
        "the SDK appends /@connections/{id} itself, so no route matches";
    EndpointDomainAndStage "endpoint-domain-and-stage" Endpoint Error
        "No method found matching route {stage}/@connections/…: a custom domain stands for the stage";
    EndpointMappingKey "endpoint-mapping-key" Endpoint Error
        "no API mapping matches the URL: 403 Forbidden";
    EndpointOtherApi "endpoint-other-api" Endpoint Error
        "410 GoneException: the connections are those of another API";
    EndpointOtherRegion "endpoint-other-region" Endpoint Error
        "the host serves no such API: 403, or a signature for the wrong region";
    EndpointDisabled "endpoint-disabled" Endpoint Error
        "403 Forbidden: the API's own endpoint is disabled";

    ReplyNotSent "reply-not-sent" Routes Warning
        "the client gets no reply: the route is one-way";
    RouteResponseMissing "route-response-missing" Routes Error
        "the client gets no reply: a two-way route needs both halves";
    RouteResponseSelectionMissing "route-response-selection-missing" Routes Error
        "the client gets no reply: a two-way route needs both halves";
    RouteNeverSelected "route-never-selected" Routes Error
        "no message reaches the route";
    RouteWithoutTarget "route-without-target" Routes Error
        "every message to the route fails with Internal server error";

    HandlerMissing "handler-missing" Integrations Error
        "every invocation fails: the runtime finds no such function";
    IntegrationResponseMissing "integration-response-missing" Integrations Error
        "Internal server error: only proxy integrations answer without an integration response";
    ConnectionIdNotMapped "connection-id-not-mapped" Integrations Warning
        "the backend is not told which connection it is, so it can neither keep nor answer it";
    WebsocketHeaders "websocket-headers-to-backend" Integrations Warning
        "a backend with a WebSocket library takes the request for a broken handshake and answers \
         400, and so no client connects";
    ParameterNeverResolves "parameter-never-resolves" Integrations Warning
        "the backend never gets the parameter";
    ParameterNotDeclared "parameter-not-declared" Integrations Warning
        "the backend never gets the parameter: the route must name it in RequestParameters";
    StageVariableMissing "stage-variable-missing" Integrations Error
        "Internal server error: the stage has no such variable";
    RequestTemplatesIgnored "request-templates-ignored" Integrations Warning
        "the template is never applied: proxy integrations take no RequestTemplates";
    MappingTemplate "mapping-template" Integrations Error
        "Internal server error for every request that the template is for";
    MockWithoutStatus "mock-without-status" Integrations Error
        "Internal server error: a MOCK integration takes its status from its request template";
    IntegrationTimeout "integration-timeout" Integrations Warning
        "the client gets Endpoint request timed out while the function still works";

    UnprotectedRoute "unprotected-route" Authorization Error
        "anybody may connect: the authorizer is never asked";
    AuthorizerOnOtherRoute "authorizer-on-other-route" Authorization Error
        "AWS refuses it: only $connect is authorized";
    AuthorizerUnused "authorizer-unused" Authorization Warning
        "anybody may connect: the authorizer is never asked";
    AuthorizerDocument "authorizer-document" Authorization Error
        "every connect fails: 500 for a wrong document, 403 for a policy that allows nothing";
    AuthorizerRefusal "authorizer-refusal" Authorization Warning
        "the client gets 500 instead of 401: only the exact text `Unauthorized` is a 401";
    IdentitySourceInvalid "identity-source-invalid" Authorization Error
        "AWS refuses the authorizer";
    IdentitySourceNeverResolves "identity-source-never-resolves" Authorization Error
        "every connect is 401, and the authorizer is never asked";
    IdentitySourceBrowser "identity-source-browser" Authorization Warning
        "every connect from a browser is 401: JavaScript cannot set headers of a WebSocket";
    SubprotocolNotReturned "subprotocol-not-returned" Authorization Warning
        "browsers close the connection at once: a server must choose one of the subprotocols that \
         they offer";
    ApiKeyNotOnConnect "api-key-not-on-connect" Authorization Warning
        "nobody can send the key: messages have no headers";

    DeploymentWithoutRoutes "deployment-without-routes" Deployment Error
        "CloudFormation may make the deployment first: then the stage serves nothing of them";
    StageWithoutDeployment "stage-without-deployment" Deployment Error
        "the stage serves nothing";
    AutoDeployAndDeployment "auto-deploy-and-deployment" Deployment Error
        "AWS refuses the stage";
    ApiWithoutStage "api-without-stage" Deployment Warning
        "nothing serves the API";
    ApiUnreachable "api-unreachable" Deployment Error
        "nobody can connect";
    ThrottledToNothing "throttled-to-nothing" Deployment Error
        "every request is refused with 429";
}

/// A name that no kind of finding has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of finding{hint}", hint = hint(.0))]
pub struct UnknownSlug(pub String);

fn hint(name: &str) -> String {
    let near = Slug::ALL
        .iter()
        .map(|slug| (strsim::damerau_levenshtein(name, slug.as_str()), slug))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (name.len() / 3).clamp(1, 4));
    near.map_or_else(String::new, |(_, slug)| {
        format!("; did you mean `{}`?", slug.as_str())
    })
}

impl FromStr for Slug {
    type Err = UnknownSlug;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut slugs = Self::ALL.iter();
        let found = slugs.find(|slug| slug.as_str() == name);
        found.copied().ok_or_else(|| UnknownSlug(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_one_kind_and_a_near_one_is_suggested() {
        for slug in Slug::ALL {
            assert_eq!(slug.as_str().parse(), Ok(*slug));
        }
        let error = "no-tll".parse::<Slug>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-tll` is no kind of finding; did you mean `no-ttl`?"
        );
    }

    #[test]
    fn the_documentation_has_a_section_for_each_kind_in_order() {
        let text = include_str!("../../../../docs/checks.md");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut rest = text.as_str();
        for slug in Slug::ALL {
            let (name, severity) = (slug.as_str(), slug.severity().as_str());
            let heading = format!("### `{name}` **{severity}** · {}.", slug.consequence());
            let Some((_, after)) = rest.split_once(&heading) else {
                panic!("docs/checks.md lacks, or has out of order: {heading}");
            };
            rest = after;
        }
        assert_eq!(text.matches("### `").count(), Slug::ALL.len());
        for subject in Slug::ALL.iter().map(|slug| slug.subject()) {
            assert!(text.contains(&format!("## {} ###", subject.heading())));
        }
    }
}
