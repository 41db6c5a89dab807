//! Models.

use serde_json::json;

use super::{Changing, created};
use crate::control_plane::{change_model, change_route};

#[test]
fn a_model_is_renamed_with_the_routes_that_use_it() {
    let mut chat = Changing::chat();
    let body = json!({
        "contentType": "text/x-json",
        "description": "test",
        "name": "Note",
        "schema": r#"{"type":"string"}"#,
    });
    let made = chat.call(change_model::create, "", body.clone()).unwrap();
    assert_eq!(created(made, "modelId", 6), body);
    let delete = change_model::delete;
    let used = "Cannot delete model 'Text', is referenced in route: send";
    chat.refuses(delete, "modelId=model1", json!({}), (409, used));
    let update = json!({ "name": "Message", "description": "", "contentType": "application/json" });
    assert_eq!(
        chat.call(change_model::update, "modelId=model1", update)
            .unwrap(),
        json!({
            "contentType": "application/json",
            "modelId": "model1",
            "name": "Message",
            "schema": r#"{"type":"object"}"#,
        })
    );
    assert_eq!(chat.0.routes[1].request_models["text"], "Message");
    assert_eq!(
        chat.0.routes[1].route_responses[0].response_models["$default"],
        "Message"
    );
}

#[test]
fn a_model_that_another_refers_to_stays() {
    let mut chat = Changing::chat();
    let reference = |api: &str, model: &str| {
        let url = format!("https://apigateway.amazonaws.com/restapis/{api}/models/{model}");
        json!({ "name": "Note", "schema": json!({ "$ref": url }).to_string() })
    };
    let unknown = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
                   schema specified, Model reference must be in canonical form]";
    for body in [reference("abcdef0123", "None"), reference("other", "Text")] {
        chat.refuses(change_model::create, "", body, (400, unknown));
    }
    chat.call(change_model::create, "", reference("abcdef0123", "Text"))
        .unwrap();
    let unused = json!({ "requestModels": {} });
    chat.call(change_route::update, "routeId=route01", unused)
        .unwrap();
    let delete = change_model::delete;
    let used = "Cannot delete model 'Text', is referenced in model: Note";
    chat.refuses(delete, "modelId=model1", json!({}), (409, used));
    let exists = (409, "Model with name Note already exists for this API");
    let name = json!({ "name": "Note" });
    chat.refuses(change_model::update, "modelId=model1", name, exists);
    let name = json!({ "name": "a-b", "schema": "{}" });
    let alphanumeric = (400, "Model name must be alphanumeric: a-b");
    chat.refuses(change_model::create, "", name, alphanumeric);
    let gone = (404, "Invalid Model identifier specified none");
    chat.refuses(delete, "modelId=none", json!({}), gone);
    // With `disableSchemaValidation` AWS takes what is wrong.
    chat.0.disable_schema_validation = true;
    let broken = json!({ "name": "Broken", "schema": "{" });
    assert!(chat.call(change_model::create, "", broken).is_ok());
}

#[test]
fn a_model_that_another_refers_to_keeps_its_name() {
    let mut chat = Changing::chat();
    let url = "https://apigateway.amazonaws.com/restapis/abcdef0123/models/Text";
    let note = json!({ "name": "Note", "schema": json!({ "$ref": url }).to_string() });
    let note = chat.call(change_model::create, "", note).unwrap();
    let update = change_model::update;
    let name = json!({ "name": "Message" });
    let used = "Cannot rename model 'Text', is referenced in model: Note";
    chat.refuses(update, "modelId=model1", name.clone(), (409, used));
    assert_eq!(chat.0.routes[1].request_models["text"], "Text");
    // All else of it may change.
    let more = json!({ "name": "Text", "description": "mine" });
    chat.call(update, "modelId=model1", more).unwrap();
    let path = format!("modelId={}", note["modelId"].as_str().unwrap());
    chat.call(update, &path, json!({ "schema": "{}" })).unwrap();
    chat.call(update, "modelId=model1", name).unwrap();
    assert_eq!(chat.0.routes[1].request_models["text"], "Message");
}
