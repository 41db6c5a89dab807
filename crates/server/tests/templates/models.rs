//! Models, and the routes that name them.

use crate::support::Project;

const API: &str = "\
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties:
      {Name: a, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.a}
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: MOCK}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: v1, AutoDeploy: true}
";
/// The line on which what follows [`API`] begins.
const FIRST: usize = 12;

fn model(name: &str, schema: &str) -> String {
    format!(
        "  {name}Model:\n    Type: AWS::ApiGatewayV2::Model\n    \
         Properties: {{ApiId: !Ref Api, Name: {name}, Schema: {schema}}}\n"
    )
}

fn route(key: &str, properties: &str) -> String {
    format!(
        "  Route:\n    Type: AWS::ApiGatewayV2::Route\n    Properties: {{ApiId: !Ref Api, RouteKey: \
         {key}, Target: !Sub 'integrations/${{Mock}}', {properties}}}\n"
    )
}

/// The warnings of a template that loads, or what is wrong with it; lines count from what is
/// beside [`API`].
fn said(api: &str, resources: &str) -> (bool, Vec<String>) {
    let project = Project::new(&[("t.yaml", &format!("{api}{resources}"))]);
    let (is_loaded, lines) = match project.load("t.yaml") {
        Ok(app) => (true, app.warnings),
        Err(errors) => (false, errors.0),
    };
    let line = |line: u32| i64::from(line) + 1 - i64::try_from(FIRST).unwrap();
    let lines = lines.iter().map(|told| {
        let mend = if told.mend.is_empty() { "" } else { "; " };
        format!("{}: {}{mend}{}", line(told.line), told.message, told.mend)
    });
    (is_loaded, lines.collect())
}

#[track_caller]
fn assert_refused(resources: &str, expected: &str) {
    assert_eq!(said(API, resources), (false, vec![expected.to_owned()]));
}

#[test]
fn a_schema_is_an_object_or_a_text_and_may_refer_to_other_models() {
    let reference = "{$ref: !Sub 'https://apigateway.amazonaws.com/restapis/${Api}/models/Name'}";
    let resources = [
        model("Message", &format!("{{properties: {{name: {reference}}}}}")),
        model("Name", "'{\"type\": \"string\", \"maxLength\": 5}'"),
        route(
            "x",
            "ModelSelectionExpression: $request.body.kind, RequestModels: {$default: Message}",
        ),
    ]
    .concat();
    assert_eq!(said(API, &resources), (true, vec![]));
}

#[test]
fn what_aws_refuses_is_refused_with_its_words_and_its_line() {
    for (schema, expected) in [
        (
            "{type: object, $id: x}",
            "3: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified. Unsupported keyword(s): [\"$id\"]]; M #: remove what JSON Schema \
             draft 4 does not have",
        ),
        (
            "{required: []}",
            "3: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified]; M #: required must be a list of at least one property name",
        ),
        (
            "'{'",
            "3: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified]; M is no JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "{items: {$ref: 'http://example.com/x.json'}}",
            "3: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified, Model reference must be in canonical form]; M #/items: \
             `http://example.com/x.json` leads out of this API, where Gatepost never follows: \
             write #/definitions/NAME, or \
             https://apigateway.amazonaws.com/restapis/API/models/NAME with a model of this API",
        ),
        (
            "{pattern: '('}",
            "3: Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
             schema specified]; M #: \"(\" is not a valid ECMA 262 regular expression: Parsing \
             error at position 1: Opening parenthesis without closing parenthesis",
        ),
    ] {
        assert_refused(&model("M", schema), expected);
    }
    assert_refused(
        &model("'my-model'", "{}").replace("'my-model'Model", "M"),
        "3: Model name must be alphanumeric: my-model; use letters and digits",
    );
    assert_refused(
        &[
            model("M", "{}"),
            model("M", "{}").replace("MModel", "Other"),
        ]
        .concat(),
        "6: Model with name M already exists for this API; rename one of them",
    );
}

#[test]
fn an_unknown_model_is_refused_with_what_was_meant() {
    let names = |name: &str| {
        [
            model("Chat", "{}"),
            route(
                "x",
                &format!("ModelSelectionExpression: $default, RequestModels: {{$default: {name}}}"),
            ),
        ]
        .concat()
    };
    assert_refused(
        &names("Chatt"),
        "6: Invalid Model identifier specified Chatt; did you mean `Chat`?",
    );
    let (_, told) = said(API, &names("!Ref ChatModel"));
    assert!(
        told[0].starts_with("6: Invalid Model identifier specified "),
        "{told:?}"
    );
    assert!(
        told[0].ends_with("; that is its id; write its Name, Chat"),
        "{told:?}"
    );
    assert_refused(
        &[
            model("Chat", "{}"),
            route(
                "x",
                "ModelSelectionExpression: '${a', RequestModels: {a: Chat}",
            ),
        ]
        .concat(),
        "6: `${a`: a `${` is not closed by `}` after its path",
    );
}

#[test]
fn what_aws_accepts_and_cannot_work_is_warned_of() {
    let chat = model("Chat", "{}");
    for (route, expected) in [
        (
            route("x", "RequestModels: {$default: Chat}"),
            "6: the messages of route x are not validated: it has no ModelSelectionExpression; add \
             `ModelSelectionExpression: $default`, which selects the model `$default`",
        ),
        (
            route("x", "ModelSelectionExpression: $default"),
            "6: every message of route x fails: it has no RequestModels; add `RequestModels: \
             {$default: MODEL}`",
        ),
        (
            route(
                "$disconnect",
                "ModelSelectionExpression: $default, RequestModels: {$default: Chat}",
            ),
            "6: route $disconnect has no message that a model could validate; remove it",
        ),
    ] {
        let resources = [chat.clone(), route].concat();
        assert_eq!(said(API, &resources), (true, vec![expected.to_owned()]));
    }
    let api = API.replace("Name: a,", "Name: a, DisableSchemaValidation: true,");
    let route = route(
        "x",
        "ModelSelectionExpression: $default, RequestModels: {$default: M}",
    );
    let resources = [model("M", "{type: text}"), route].concat();
    let warning =
        "3: every message that M validates fails; M #: type is \"text\", which is no type";
    assert_eq!(said(&api, &resources), (true, vec![warning.to_owned()]));
}
