//! The schema of a model, and behind a line of `---` a message that is held to it. Another model is
//! there to refer to.
#![no_main]

use gatepost_wire::json_schema::{JsonSchema, Models};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let [schema, message] = gatepost_fuzz::parts(input);
    let other = r##"{"type": "string", "definitions": {"loop": {"items": {"$ref": "#"}}}}"##;
    let schemas = [("Message", schema), ("Other", other)].into();
    let models = Models {
        api_id: "abcdef1234",
        schemas: &schemas,
    };
    match JsonSchema::compile("Message", models) {
        Ok(schema) => {
            let told = schema.validate(message);
            assert_eq!(told, schema.validate(message));
            if let Err(told) = told {
                assert!(told.starts_with('[') && told.ends_with(']'));
                assert!(told.len() < 4096 && !told.contains('\n'));
            }
        }
        Err(error) => assert!(!error.message().is_empty() && !error.mend().is_empty()),
    }
});
