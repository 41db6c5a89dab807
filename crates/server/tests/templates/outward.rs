//! What a template says of the way to backends: VPC links, TLS, client certificates and AWS's
//! services.

use gatepost_model::integration::ConnectionType;

use super::support::{Project, loaded, warnings};

/// An API with a stage and an integration, whose further properties stand in lines 8 and 12.
fn template(stage: &str, integration: &str, resources: &str) -> String {
    format!(
        "\
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: v1, AutoDeploy: true,
      {stage}}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{ApiId: !Ref Api,
      {integration}}}
  Hello:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: hello, Target: !Sub 'integrations/${{Integration}}'}}
{resources}"
    )
}

const STAGE: &str = "Description: the only one";
const MOCK: &str = "IntegrationType: MOCK";
const HTTP: &str =
    "IntegrationType: HTTP_PROXY, IntegrationMethod: POST, IntegrationUri: 'http://nlb.internal/'";
const ROLE: &str = "CredentialsArn: arn:aws:iam::1:role/r";

/// A project whose configuration has a VPC link and a client certificate.
fn project(template: &str) -> Project {
    let mut project = Project::new(&[("t.yaml", template)]);
    project.options.configured.vpc_links = ["abc123", "Link", "by-name"].map(Into::into).into();
    project.options.configured.client_certificates = ["def456", "Cert"].map(Into::into).into();
    project
}

fn refused(template: &str) -> Vec<String> {
    let project = project(template);
    let errors = project.load("t.yaml").map(|_| ()).unwrap_err();
    let errors = errors.0.iter().map(ToString::to_string);
    errors.map(|error| project.relative(&error)).collect()
}

fn warned(template: &str) -> Vec<String> {
    let project = project(template);
    warnings(&project, &loaded(&project, "t.yaml"))
}

/// The id of the VPC link that the integration names.
fn vpc_link_of(connection: &str, resources: &str) -> String {
    let template = template(STAGE, &format!("{HTTP}, {connection}"), resources);
    let project = project(&template);
    let app = loaded(&project, "t.yaml");
    match &app.apis[0].definition.integrations[0].connection_type {
        ConnectionType::VpcLink(id) => id.clone(),
        ConnectionType::Internet => "none".to_owned(),
    }
}

#[test]
fn a_vpc_link_is_named_by_its_id_or_by_what_the_template_calls_it() {
    let resource = |logical_id: &str, properties: &str| {
        format!("  {logical_id}:\n    Type: AWS::{properties}\n")
    };
    let of = "ConnectionType: VPC_LINK, ConnectionId:";
    assert_eq!(vpc_link_of(&format!("{of} abc123"), ""), "abc123");
    assert_eq!(
        vpc_link_of(
            &format!("{of} !Ref Link"),
            &resource(
                "Link",
                "ApiGatewayV2::VpcLink\n    Properties: {Name: x, SubnetIds: [subnet-1]}"
            )
        ),
        "Link"
    );
    assert_eq!(
        vpc_link_of(
            &format!("{of} !GetAtt Other.VpcLinkId"),
            &resource(
                "Other",
                "ApiGateway::VpcLink\n    Properties: {Name: !Sub 'by-name', TargetArns: [a]}"
            )
        ),
        "by-name"
    );
    assert_eq!(vpc_link_of("ConnectionType: INTERNET", ""), "none");
}

#[test]
fn a_vpc_link_that_leads_nowhere_is_refused_with_its_line_and_the_key_to_write() {
    let link = "  Elsewhere:\n    Type: AWS::ApiGatewayV2::VpcLink\n    Properties: {Name: x, \
                SubnetIds: [subnet-1]}\n";
    for (integration, expected) in [
        (
            format!("{HTTP}, ConnectionType: VPC_LINK, ConnectionId: zzz999"),
            "t.yaml:12: the VPC link zzz999 leads nowhere here; write where in gatepost.toml, \
             below [integrations.vpc_links]: zzz999 = \"http://127.0.0.1:8080\"",
        ),
        (
            format!("{HTTP}, ConnectionType: VPC_LINK, ConnectionId: !Ref Elsewhere"),
            "t.yaml:12: the VPC link Elsewhere leads nowhere here; write where in gatepost.toml, \
             below [integrations.vpc_links]: Elsewhere = \"http://127.0.0.1:8080\"",
        ),
        (
            format!("{HTTP}, ConnectionType: VPC_LINK"),
            "t.yaml:12: a VPC_LINK integration needs the property ConnectionId; add it",
        ),
        (
            format!("{MOCK}, ConnectionType: VPC_LINK, ConnectionId: abc123"),
            "t.yaml:12: a VPC link reaches HTTP backends, not MOCK; use HTTP or HTTP_PROXY",
        ),
    ] {
        assert_eq!(refused(&template(STAGE, &integration, link)), [expected]);
    }
}

#[test]
fn a_stage_variable_that_names_no_vpc_link_is_warned_of() {
    let integration =
        format!("{HTTP}, ConnectionType: VPC_LINK, ConnectionId: '${{stageVariables.link}}'");
    let of = |stage: &str| warned(&template(stage, &integration, ""));
    assert_eq!(of("StageVariables: {link: abc123}"), [""; 0]);
    assert_eq!(
        of("StageVariables: {link: zzz999}"),
        [
            "t.yaml:2: stage v1: the VPC link zzz999 leads nowhere here; write where in \
             gatepost.toml, below [integrations.vpc_links]: zzz999 = \"http://127.0.0.1:8080\""
        ]
    );
    assert_eq!(
        of(STAGE),
        [
            "t.yaml:2: stage v1: ${stageVariables.link} is empty, and so every call through it \
             fails; set the variable in StageVariables"
        ]
    );
}

#[test]
fn a_client_certificate_must_be_configured() {
    let stage = "ClientCertificateId: !Ref Cert";
    let resource =
        |name: &str| format!("  {name}:\n    Type: AWS::ApiGateway::ClientCertificate\n");
    let template_of = |stage: &str, name: &str| template(stage, MOCK, &resource(name));
    let configured = template_of(stage, "Cert");
    let project = project(&configured);
    let app = loaded(&project, "t.yaml");
    let id = app.apis[0].stages[0].client_certificate_id.as_deref();
    assert_eq!(id, Some("Cert"));
    assert!(app.not_acted_on.is_empty());
    assert_eq!(
        refused(&template_of("ClientCertificateId: !Ref Another", "Another")),
        [
            "t.yaml:8: the client certificate Another is not there; name its files in \
             gatepost.toml, below [integrations.client_certificates]: Another = { certificate = \
             \"client.pem\", key = \"client-key.pem\" }"
        ]
    );
}

#[test]
fn a_server_name_is_a_host_name() {
    let of = |name: &str| {
        let integration = format!("{HTTP}, TlsConfig: {{ServerNameToVerify: '{name}'}}");
        template(STAGE, &integration, "")
    };
    assert_eq!(
        warned(&of("backend.example.com")),
        ["t.yaml:12: AWS documents TlsConfig for HTTP APIs only; it works here; try it there"]
    );
    assert_eq!(
        refused(&of("backend.example.com:443")),
        ["t.yaml:12: `backend.example.com:443` is no host name; write one, without a port"]
    );
}

#[test]
fn a_service_is_called_by_an_action_or_a_path() {
    let of = |uri: &str, more: &str| {
        let integration = format!(
            "IntegrationType: AWS, IntegrationMethod: POST, IntegrationUri: \
             'arn:aws:apigateway:us-east-1:{uri}'{more}"
        );
        template(STAGE, &integration, "")
    };
    let role = format!(", {ROLE}");
    for uri in [
        "dynamodb:action/PutItem",
        "sqs:path/000000000000/${stageVariables.queue}",
        "runtime.sagemaker:path/endpoints/x/invocations",
    ] {
        assert_eq!(warned(&of(uri, &role)), [""; 0], "{uri}");
    }
    for (uri, expected) in [
        (
            "sqs:queue",
            "t.yaml:12: `arn:aws:apigateway:us-east-1:sqs:queue` is no URI of an AWS service: \
             write arn:aws:apigateway:{region}:{service}:action/{action} or \
             arn:aws:apigateway:{region}:{service}:path/{path}",
        ),
        (
            "s3:action/GetObject",
            "t.yaml:12: s3 has no actions; name a path: s3:path/{bucket}/{key}",
        ),
    ] {
        assert_eq!(refused(&of(uri, &role)), [expected]);
    }
    assert_eq!(
        warned(&of("dynamodb:action/PutItem", "")),
        [
            "t.yaml:12: AWS calls a service as a role only, and there is no CredentialsArn; add \
             !GetAtt Role.Arn"
        ]
    );
    let form = format!("{role}, RequestTemplates: {{$default: 'Action=SendMessage'}}");
    assert_eq!(
        warned(&of("sqs:path/000000000000/queue", &form)),
        [
            "t.yaml:12: the service does not read this form, since it is sent as \
             application/json; map integration.request.header.Content-Type: \
             \"'application/x-www-form-urlencoded'\""
        ]
    );
}
