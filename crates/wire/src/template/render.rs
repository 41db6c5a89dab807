//! Nodes to text.

use serde_json::Value;

use super::{MAX_OUTPUT_BYTES, Node, Reference, TemplateError, TemplateInput};

pub(super) fn render(nodes: &[Node], input: &TemplateInput<'_>) -> Result<String, TemplateError> {
    let mut renderer = Renderer {
        input,
        json: None,
        output: String::new(),
    };
    for node in nodes {
        match node {
            Node::Text(text) => renderer.push(text)?,
            Node::Reference(reference) => renderer.reference(reference)?,
        }
    }
    Ok(renderer.output)
}

struct Renderer<'i> {
    input: &'i TemplateInput<'i>,
    /// The body, parsed when first asked for.
    json: Option<Value>,
    output: String,
}

impl Renderer<'_> {
    fn reference(&mut self, reference: &Reference) -> Result<(), TemplateError> {
        let TemplateInput { context, body, .. } = self.input;
        match reference {
            Reference::Context(path) => self.push(&context.variable(path).unwrap_or_default()),
            Reference::InputBody => self.push(body),
            Reference::InputJson(path) => {
                let found = path.value(self.body_as_json()?);
                let text = match found {
                    Some(value) => value.to_string(),
                    // What AWS renders for a path that leads nowhere: an empty JSON string.
                    None => r#""""#.to_owned(),
                };
                self.push(&text)
            }
            Reference::StageVariable(name) => {
                let value = context.stage_variables.get(name);
                self.push(value.map_or("", String::as_str))
            }
        }
    }

    /// The body as `$input.json` sees it: an empty one is an empty object, as on AWS; one that is
    /// not JSON fails the request.
    fn body_as_json(&mut self) -> Result<&Value, TemplateError> {
        let json = match self.json.take() {
            Some(json) => json,
            None if self.input.body.trim().is_empty() => Value::Object(serde_json::Map::new()),
            None => serde_json::from_str(self.input.body)
                .map_err(|error| TemplateError::BodyIsNotJson(error.to_string()))?,
        };
        Ok(self.json.insert(json))
    }

    fn push(&mut self, text: &str) -> Result<(), TemplateError> {
        if self.output.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(TemplateError::OutputTooLong);
        }
        self.output.push_str(text);
        Ok(())
    }
}
