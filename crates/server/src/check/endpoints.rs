//! The URL with which `@connections` is called (data-plane spec 1.1).

use super::{
    app::{Api, App, Function},
    finding::Findings,
    iam::apis_of,
    slug::Slug,
    trace::{EffectKind, Piece, Place, Sdk, Text, Value},
};

use crate::template::inspect::Resource;

/// What SDKs take as endpoint when the code names none.
const VARIABLES: [&str; 2] = [
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
    "AWS_ENDPOINT_URL",
];

/// Members of the event, and what else is not known, as characters that no URL has.
const DOMAIN_NAME: char = '\u{e000}';
const STAGE: char = '\u{e001}';
const API_ID: char = '\u{e002}';
const ANYTHING: char = '\u{e003}';

pub(super) fn check(app: &App<'_>, findings: &Findings) {
    for (number, function) in app.functions.iter().enumerate() {
        let apis = apis_of(app, number, function);
        let Some(api) = apis.first().filter(|_| apis.len() == 1) else {
            continue;
        };
        for trace in function.traces_of(|_| true) {
            for (effect, (endpoint, region, sdk)) in trace.of(|kind| match kind {
                EffectKind::Client {
                    endpoint,
                    region,
                    sdk,
                } => Some((endpoint.as_ref(), region.as_ref(), *sdk)),
                _ => None,
            }) {
                let client = Client {
                    app,
                    api,
                    function,
                    findings,
                    place: &effect.place,
                    sdk,
                    variable: None,
                };
                client.judge(endpoint, region);
            }
        }
    }
}

/// A client of `@connections` that a function makes.
struct Client<'a> {
    app: &'a App<'a>,
    api: &'a Api<'a>,
    function: &'a Function<'a>,
    findings: &'a Findings,
    place: &'a Place,
    sdk: Sdk,
    /// The environment variable that its endpoint is the value of.
    variable: Option<String>,
}

impl Client<'_> {
    fn judge(mut self, endpoint: Option<&Value>, region: Option<&Value>) {
        let region = region.and_then(Value::known_text);
        if let Some(region) = region.filter(|region| *region != self.app.inspection.region) {
            self.other_region(&region);
        }
        match endpoint {
            None | Some(Value::Nothing) => {
                let variable = VARIABLES.iter().find_map(|name| {
                    let path = ["Environment", "Variables", name];
                    Some((*name, self.function.resource.node(&path)?))
                });
                match variable {
                    Some((name, node)) => {
                        self.variable = Some(name.to_owned());
                        if let Some(url) = node.as_text() {
                            self.url(url);
                        }
                    }
                    None => self.tell(
                        Slug::EndpointMissing,
                        "the client of @connections is made without an endpoint".to_owned(),
                        "give it https://{domainName}/{stage} of the event's requestContext",
                    ),
                }
            }
            Some(Value::Text(Text { pieces, variable })) => {
                self.variable = variable.as_deref().map(str::to_owned);
                self.url(&marked(pieces));
            }
            // `endpoint_url=event["requestContext"]["domainName"]`.
            Some(value @ Value::Event(_)) => {
                self.url(&marked(&[Piece::Hole(value.clone())]));
            }
            Some(_) => {}
        }
    }

    fn url(&self, url: &str) {
        if url.starts_with(ANYTHING) || url.is_empty() {
            return;
        }
        let rest = match url.split_once("://") {
            Some(("https", rest)) => rest,
            Some((scheme @ ("wss" | "ws"), rest)) => {
                self.scheme(&format!("the endpoint begins with {scheme}://"));
                rest
            }
            Some(("http", rest)) => {
                let is_local = ["localhost", "127.", "[::1]", "host.docker"];
                if is_local.iter().any(|host| rest.starts_with(host)) {
                    return;
                }
                self.scheme("the endpoint begins with http://");
                rest
            }
            Some(_) => return,
            None => {
                if self.sdk != Sdk::JavaScriptV2 {
                    self.scheme("the endpoint has no https://");
                }
                url
            }
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
        if steps.contains(&"@connections") {
            let message = "the endpoint has a path with /@connections".to_owned();
            self.tell(Slug::EndpointPath, message, "end it with the stage");
            return;
        }
        if steps.iter().any(|step| step.contains(ANYTHING)) {
            // Nobody knows which part of the path it is.
            return;
        }
        if host.starts_with(DOMAIN_NAME) {
            self.domain_name(&steps);
        } else if let Some((id, host)) = host.split_once(".execute-api.") {
            self.execute_api(id, host, &steps);
        } else if let Some(mappings) = self.mappings_of(host) {
            self.custom_domain(&mappings, &steps);
        }
    }

    fn scheme(&self, message: &str) {
        let mend = "begin it with https://";
        self.tell(Slug::EndpointScheme, message.to_owned(), mend);
    }

    /// `https://{domainName}…`: the host that the client of the connection used.
    fn domain_name(&self, steps: &[&str]) {
        let keys = mapping_keys(&self.api.mappings);
        match steps.first() {
            None if keys.is_empty() => self.no_stage(),
            None => {}
            Some(stage) => {
                // Where the mapping's key is the stage's name, both forms are one.
                let names = self.stages();
                let is_same = keys.iter().all(|key| names.contains(key));
                if !keys.is_empty() && !is_same && stage.contains(STAGE) {
                    let message = "the endpoint is the client's host with the stage, and the API \
                                   has a custom domain"
                        .to_owned();
                    let mend = "use https://{apiId}.execute-api.{region}.amazonaws.com/{stage}, \
                                which works for all clients";
                    self.tell(Slug::EndpointDomainAndStage, message, mend);
                } else if keys.is_empty() {
                    self.known_stage(stage);
                }
            }
        }
    }

    /// `https://{apiId}.execute-api.{region}.amazonaws.com…`.
    fn execute_api(&self, id: &str, host: &str, steps: &[&str]) {
        let is_own = id.contains(API_ID) || id == self.api.resource.id;
        if !is_own && !id.contains([ANYTHING, DOMAIN_NAME, STAGE]) {
            let others = self.app.of_type("AWS::ApiGatewayV2::Api");
            let others = others.chain(self.app.of_type("AWS::ApiGateway::RestApi"));
            let mut others = others.chain(self.app.of_type("AWS::Serverless::HttpApi"));
            let which = match others.find(|other| other.id == id) {
                Some(other) => other.logical_id.clone(),
                None => format!("{id}, which is not in this template"),
            };
            let message = format!("the endpoint is that of the API {which}");
            let mend = "build it of requestContext's apiId, or of !Ref of the API";
            self.tell(Slug::EndpointOtherApi, message, mend);
            return;
        }
        let region = host.split('.').next().unwrap_or_default();
        if !region.contains(ANYTHING) && region != self.app.inspection.region {
            self.other_region(region);
        }
        if self.api.resource.text("DisableExecuteApiEndpoint") == Some("true") {
            let message = "the endpoint is that of execute-api, which the API disables".to_owned();
            let mend = "use the custom domain, or keep the API's endpoint";
            self.tell(Slug::EndpointDisabled, message, mend);
            return;
        }
        match steps.first() {
            None => self.no_stage(),
            Some(stage) => self.known_stage(stage),
        }
    }

    /// `https://ws.example.com…`, with the mappings of the domain.
    fn custom_domain(&self, mappings: &[&Resource], steps: &[&str]) {
        let keys = mapping_keys(mappings);
        let first = steps.first().copied().unwrap_or_default();
        if keys.contains(&first) {
            return;
        }
        if first.contains(STAGE) || self.stages().contains(&first) {
            let message = "the endpoint is a custom domain with the stage".to_owned();
            let mend = "leave the stage out";
            self.tell(Slug::EndpointDomainAndStage, message, mend);
        } else {
            let key = keys.first().copied().unwrap_or_default();
            let message = format!("no API mapping of the domain has the key `{first}`");
            let mend = if key.is_empty() {
                "end it with the domain".to_owned()
            } else {
                format!("end it with /{key}")
            };
            self.tell(Slug::EndpointMappingKey, message, &mend);
        }
    }

    /// The mappings of a custom domain of the template, if the host is one.
    fn mappings_of(&self, host: &str) -> Option<Vec<&Resource>> {
        let mappings: Vec<_> = self
            .api
            .mappings
            .iter()
            .copied()
            .filter(|mapping| mapping.text("DomainName") == Some(host))
            .collect();
        (!mappings.is_empty()).then_some(mappings)
    }

    fn stages(&self) -> Vec<&str> {
        let stages = self.api.stages.iter();
        stages.filter_map(|stage| stage.text("StageName")).collect()
    }

    fn known_stage(&self, stage: &str) {
        let stages = self.stages();
        if stages.is_empty() || stage.contains([STAGE, ANYTHING]) || stages.contains(&stage) {
            return;
        }
        let message = format!("the endpoint ends with /{stage}, which is no stage of the API");
        let mend = format!("end it with /{}", stages.join(", or /"));
        self.tell(Slug::EndpointWithoutStage, message, &mend);
    }

    fn no_stage(&self) {
        let message = "the endpoint ends without a stage".to_owned();
        let mend = "append /{stage} of requestContext";
        self.tell(Slug::EndpointWithoutStage, message, mend);
    }

    fn other_region(&self, region: &str) {
        let message = format!(
            "the endpoint is in {region}, the template in {}",
            self.app.inspection.region
        );
        let mend = "write ${AWS::Region} in the template, AWS_REGION in the source";
        self.tell(Slug::EndpointOtherRegion, message, mend);
    }

    /// Tells where the endpoint is written: in the template, when it is a variable's value.
    fn tell(&self, slug: Slug, message: String, mend: &str) {
        let variable = self.variable.as_deref();
        match variable.and_then(|name| Some((name, self.function.variable(name)?))) {
            Some((name, at)) => {
                self.findings
                    .template(slug, at, format!("{name}: {message}"), mend);
            }
            None => self.findings.source(slug, self.place, message, mend),
        }
    }
}

fn mapping_keys<'m>(mappings: &[&'m Resource]) -> Vec<&'m str> {
    let mappings = mappings.iter();
    mappings
        .map(|mapping| mapping.text("ApiMappingKey").unwrap_or_default())
        .collect()
}

/// The text with the members of the event, and what is not known, as single characters.
fn marked(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Filler(_) => text.push(ANYTHING),
            Piece::Hole(Value::Text(inner)) => text.push_str(&marked(&inner.pieces)),
            Piece::Hole(value) => text.push(match value {
                value if value.is_event(&["requestContext", "domainName"]) => DOMAIN_NAME,
                value if value.is_event(&["requestContext", "stage"]) => STAGE,
                value if value.is_event(&["requestContext", "apiId"]) => API_ID,
                _ => ANYTHING,
            }),
        }
    }
    text
}
