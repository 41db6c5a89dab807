//! Intrinsic functions: a tree of values with `Ref`, `Fn::Sub` and the others becomes a tree of
//! plain values, each still knowing its place.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    conditions::Truth,
    diagnostic::{DiagnosticKind, Diagnostics, did_you_mean},
    document::{Entry, Node, Position, Value},
    parameters::Parameter,
    pseudo::Stack,
    sections::Template,
};

/// The functions that are evaluated, conditions included.
const FUNCTIONS: [&str; 15] = [
    "Ref",
    "Fn::And",
    "Fn::Base64",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
];

/// The longest text that an expression may make, bytes: nested joins must not fill the memory.
const MAX_TEXT: usize = 1 << 20;

/// Evaluates the values of one template.
pub(super) struct Evaluator<'a> {
    pub(super) diagnostics: &'a Diagnostics,
    pub(super) template: &'a Template,
    pub(super) stack: &'a Stack,
    pub(super) parameters: &'a BTreeMap<String, Parameter>,
    /// Values of exports of other stacks, and given parameters, which may stand for them.
    pub(super) import_values: [&'a BTreeMap<String, String>; 2],
    /// The exports that were asked for.
    pub(super) imports_used: RefCell<BTreeSet<String>>,
    /// Conditions that were evaluated before.
    pub(super) conditions: RefCell<BTreeMap<String, Truth>>,
    /// How many conditions are being evaluated.
    pub(super) condition_depth: Cell<usize>,
    /// Names of resources that were evaluated before; `None` where that failed.
    pub(super) names: RefCell<BTreeMap<String, Option<String>>>,
    /// The resources being evaluated, outermost first.
    pub(super) evaluating: RefCell<Vec<String>>,
    /// Which resource refers to which.
    pub(super) dependencies: RefCell<BTreeSet<(String, String)>>,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        diagnostics: &'a Diagnostics,
        template: &'a Template,
        stack: &'a Stack,
        parameters: &'a BTreeMap<String, Parameter>,
        import_values: [&'a BTreeMap<String, String>; 2],
    ) -> Self {
        Self {
            diagnostics,
            template,
            stack,
            parameters,
            import_values,
            imports_used: RefCell::default(),
            conditions: RefCell::default(),
            condition_depth: Cell::default(),
            names: RefCell::default(),
            evaluating: RefCell::default(),
            dependencies: RefCell::default(),
        }
    }

    /// The value of `node`; `None` for `AWS::NoValue`, which removes the property.
    pub(super) fn evaluate(&self, node: &Node) -> Option<Node> {
        let at = node.position;
        match &node.value {
            Value::List(items) => {
                let items = items.iter().filter_map(|item| self.evaluate(item));
                Some(Node::new(Value::List(items.collect()), at))
            }
            Value::Map(entries) => {
                if let Some(call) = entries.iter().find(|entry| is_function(&entry.key)) {
                    if entries.len() > 1 {
                        let message = format!("`{}` must stand alone in its mapping", call.key);
                        self.diagnostics.error(call.position, message, "");
                        return Some(unknown(at));
                    }
                    return self.call(call, at);
                }
                let entries = entries.iter().filter_map(|entry| {
                    Some(Entry {
                        key: entry.key.clone(),
                        position: entry.position,
                        value: self.evaluate(&entry.value)?,
                    })
                });
                Some(Node::new(Value::Map(entries.collect()), at))
            }
            _ => Some(node.clone()),
        }
    }

    /// The text that `node` evaluates to, or `None` once an error was told.
    pub(super) fn text(&self, node: &Node, what: &str) -> Option<String> {
        let value = self.evaluate(node)?;
        if let Some(text) = value.as_text() {
            return Some(text.to_owned());
        }
        if value.value != Value::Unknown {
            let message = format!("{what} must be a string, this is {}", value.kind());
            self.diagnostics.error(node.position, message, "");
        }
        None
    }

    fn call(&self, call: &Entry, at: Position) -> Option<Node> {
        let (name, argument) = (call.key.as_str(), &call.value);
        let result = match name {
            "Ref" => return self.reference(argument),
            "Fn::If" => return self.if_function(argument),
            "Fn::GetAtt" => self.get_att(argument),
            "Fn::Sub" => self.sub(argument).map(|text| Node::string(text, at)),
            "Fn::Join" => self.join(argument).map(|text| Node::string(text, at)),
            "Fn::Select" => self.select(argument),
            "Fn::Split" => self.split(argument),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::ImportValue" => self.import_value(argument),
            "Fn::Base64" => self
                .text(argument, "the argument of Fn::Base64")
                .map(|text| Node::string(STANDARD.encode(text), at)),
            "Fn::GetAZs" => Some(self.availability_zones(at)),
            "Fn::And" | "Fn::Equals" | "Fn::Not" | "Fn::Or" => {
                let message = format!("`{name}` stands outside of Conditions");
                let mend = "name the condition and use it with Fn::If";
                self.diagnostics.error(call.position, message, mend);
                None
            }
            "Fn::Transform" => {
                let macro_name = argument.get("Name").and_then(Node::as_text);
                let message = format!("the macro `{}` runs on AWS only", macro_name.unwrap_or("?"));
                let (kind, at) = (DiagnosticKind::NotHere, call.position);
                let mend = "write its result into the template";
                self.diagnostics.error_of(kind, at, message, mend);
                None
            }
            "Fn::Cidr" | "Fn::Length" | "Fn::ToJsonString" => {
                let what = format!("`{name}`");
                self.diagnostics
                    .not_yet(call.position, &what, "write its result");
                None
            }
            _ if name.starts_with("Fn::ForEach") => {
                let what = "`Fn::ForEach` (AWS::LanguageExtensions)";
                self.diagnostics
                    .not_yet(call.position, what, "write its entries out");
                None
            }
            _ => {
                let message = format!("`{name}` is not an intrinsic function");
                // `!Reff` was read as `Fn::Reff`.
                let short = name.trim_start_matches("Fn::");
                let mend = did_you_mean(short, FUNCTIONS, "remove it");
                let mend = did_you_mean(name, FUNCTIONS, &mend);
                self.diagnostics.error(call.position, message, mend);
                None
            }
        };
        Some(result.map_or_else(
            || unknown(at),
            |node| Node {
                position: at,
                ..node
            },
        ))
    }

    /// `Ref`: a parameter, a pseudo parameter or a resource.
    fn reference(&self, argument: &Node) -> Option<Node> {
        let at = argument.position;
        let Some(name) = argument.as_text() else {
            let message = format!(
                "Ref must name a resource or parameter, this is {}",
                argument.kind()
            );
            self.diagnostics.error(at, message, "");
            return Some(unknown(at));
        };
        if name == "AWS::NoValue" {
            return None;
        }
        Some(self.named(name, at, "Ref"))
    }

    /// The value of a name in `Ref` or `Fn::Sub`.
    fn named(&self, name: &str, at: Position, function: &str) -> Node {
        if let Some(value) = self.stack.pseudo_parameter(name) {
            return Node::new(value, at);
        }
        match self.parameters.get(name) {
            Some(Parameter::Value(node)) => {
                return Node {
                    position: at,
                    ..node.clone()
                };
            }
            Some(Parameter::InParameterStore) => {
                self.diagnostics.error_of(
                    DiagnosticKind::NotHere,
                    at,
                    format!("the value of `{name}` is in AWS's parameter store"),
                    self.stack.values_from.mend("it", name),
                );
                return unknown(at);
            }
            None => {}
        }
        if let Some(resource) = self.resource_named(name) {
            return self.resource_reference(resource, at);
        }
        if self
            .template
            .parameters
            .iter()
            .any(|entry| entry.key == name)
        {
            // The parameter itself is wrong, and that was told.
            return unknown(at);
        }
        self.unresolved(name, at, function);
        unknown(at)
    }

    fn unresolved(&self, name: &str, at: Position, function: &str) {
        if self.template.resource(name).is_some() {
            let message = format!("{function} names `{name}`, whose Condition is false");
            self.diagnostics.error(at, message, "choose with Fn::If");
            return;
        }
        let (resources, parameters) = (&self.template.resources, &self.template.parameters);
        let known = resources
            .iter()
            .map(|resource| resource.logical_id.as_str())
            .chain(parameters.iter().map(|entry| entry.key.as_str()))
            .chain(Stack::PSEUDO_PARAMETERS);
        let otherwise = if name.starts_with("stageVariables.") || name.starts_with("context.") {
            format!("write `${{!{name}}}` to leave it to API Gateway")
        } else {
            "no resource, parameter or pseudo parameter has this name".to_owned()
        };
        let message = format!("{function} names `{name}`, which does not exist");
        let mend = did_you_mean(name, known, &otherwise);
        self.diagnostics.error(at, message, mend);
    }

    /// `Fn::GetAtt` in both forms: `Api.ApiId` and `[Api, ApiId]`.
    fn get_att(&self, argument: &Node) -> Option<Node> {
        let at = argument.position;
        let (name, attribute) = match (argument.as_text(), argument.as_list()) {
            (Some(text), _) => {
                let (name, attribute) = text.split_once('.').unwrap_or((text, ""));
                (name.to_owned(), attribute.to_owned())
            }
            (_, Some([name, attribute @ ..])) if !attribute.is_empty() => {
                let attribute: Option<Vec<String>> = attribute
                    .iter()
                    .map(|part| self.text(part, "the attribute of Fn::GetAtt"))
                    .collect();
                (
                    name.as_text().unwrap_or_default().to_owned(),
                    attribute?.join("."),
                )
            }
            _ => (String::new(), String::new()),
        };
        if name.is_empty() || attribute.is_empty() {
            let mend = "write `!GetAtt LogicalId.Attribute`";
            self.diagnostics
                .error(at, "Fn::GetAtt needs a resource and an attribute", mend);
            return None;
        }
        self.attribute_named(&name, &attribute, at, "Fn::GetAtt")
    }

    fn attribute_named(
        &self,
        name: &str,
        attribute: &str,
        at: Position,
        function: &str,
    ) -> Option<Node> {
        let Some(resource) = self.resource_named(name) else {
            self.unresolved(name, at, function);
            return None;
        };
        self.resource_attribute(resource, attribute, at)
    }

    /// `Fn::Sub`: `${Name}`, `${Name.Attribute}`, `${!literal}`, with or without own variables.
    fn sub(&self, argument: &Node) -> Option<String> {
        let (text_node, variables) = match argument.as_list() {
            Some([text, variables]) => (text, variables.entries()),
            _ => (argument, &[][..]),
        };
        let Some(text) = text_node.as_text() else {
            let message = "Fn::Sub needs a string, or a list of a string and a mapping";
            self.diagnostics.error(argument.position, message, "");
            return None;
        };
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        let mut failed = false;
        while let Some((before, after)) = rest.split_once("${") {
            result += before;
            let Some((name, tail)) = after.split_once('}') else {
                result += "${";
                rest = after;
                continue;
            };
            rest = tail;
            if let Some(literal) = name.strip_prefix('!') {
                result.extend(["${", literal, "}"]);
                continue;
            }
            match self.substitute(name.trim(), variables, text_node.position) {
                Some(value) => result += &value,
                None => failed = true,
            }
            if result.len() > MAX_TEXT {
                return self.too_long(argument.position);
            }
        }
        result += rest;
        (!failed).then_some(result)
    }

    fn substitute(&self, name: &str, variables: &[Entry], at: Position) -> Option<String> {
        if let Some(variable) = variables.iter().find(|entry| entry.key == name) {
            return self.text(&variable.value, "a variable of Fn::Sub");
        }
        let value = match name.split_once('.') {
            Some((resource, attribute)) if self.resource_named(name).is_none() => {
                self.attribute_named_in_sub(name, resource, attribute, at)?
            }
            _ => self.named(name, at, "Fn::Sub"),
        };
        match value.as_text() {
            Some(text) => Some(text.to_owned()),
            None if value.value == Value::Unknown => None,
            None => {
                let message = format!(
                    "`{name}` in Fn::Sub must be a string, it is {}",
                    value.kind()
                );
                self.diagnostics
                    .error(at, message, "use Fn::Join for a list");
                None
            }
        }
    }

    fn attribute_named_in_sub(
        &self,
        name: &str,
        resource: &str,
        attribute: &str,
        at: Position,
    ) -> Option<Node> {
        if self.template.resource(resource).is_none() {
            self.unresolved(name, at, "Fn::Sub");
            return None;
        }
        self.attribute_named(resource, attribute, at, "Fn::Sub")
    }

    fn join(&self, argument: &Node) -> Option<String> {
        let Some([separator, items]) = argument.as_list() else {
            let message = "Fn::Join needs a separator and a list";
            self.diagnostics.error(argument.position, message, "");
            return None;
        };
        let separator = self.text(separator, "the separator of Fn::Join")?;
        let items = self.list(items, "the second argument of Fn::Join")?;
        let mut texts = Vec::with_capacity(items.len());
        for item in &items {
            match item.as_text() {
                Some(text) => texts.push(text),
                None if item.value == Value::Unknown => return None,
                None => {
                    let message = format!("Fn::Join joins strings, this is {}", item.kind());
                    self.diagnostics.error(item.position, message, "");
                    return None;
                }
            }
        }
        let length: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
        if length > MAX_TEXT {
            return self.too_long(argument.position);
        }
        Some(texts.join(&separator))
    }

    fn too_long(&self, at: Position) -> Option<String> {
        let message = format!("the text is longer than {MAX_TEXT} bytes");
        self.diagnostics.error(at, message, "");
        None
    }

    fn if_function(&self, argument: &Node) -> Option<Node> {
        let at = argument.position;
        let Some([condition, then, otherwise]) = argument.as_list() else {
            let message = "Fn::If needs a condition and two values";
            self.diagnostics.error(at, message, "");
            return Some(unknown(at));
        };
        let Some(name) = condition.as_text() else {
            let message = "the first argument of Fn::If is the name of a condition";
            self.diagnostics.error(condition.position, message, "");
            return Some(unknown(at));
        };
        match self.condition(name, condition.position) {
            Some(true) => self.evaluate(then),
            Some(false) => self.evaluate(otherwise),
            None => Some(unknown(at)),
        }
    }

    fn select(&self, argument: &Node) -> Option<Node> {
        let Some([index, items]) = argument.as_list() else {
            let message = "Fn::Select needs an index and a list";
            self.diagnostics.error(argument.position, message, "");
            return None;
        };
        let index_text = self.text(index, "the index of Fn::Select")?;
        let mut items = self.list(items, "the second argument of Fn::Select")?;
        match index_text.parse::<usize>() {
            Ok(number) if number < items.len() => Some(items.swap_remove(number)),
            _ => {
                let message = format!(
                    "Fn::Select cannot select value {index_text} of a list of {}",
                    items.len()
                );
                self.diagnostics.error(index.position, message, "");
                None
            }
        }
    }

    fn split(&self, argument: &Node) -> Option<Node> {
        let Some([separator, text]) = argument.as_list() else {
            let message = "Fn::Split needs a separator and a string";
            self.diagnostics.error(argument.position, message, "");
            return None;
        };
        let separator = self.text(separator, "the separator of Fn::Split")?;
        let text = self.text(text, "the second argument of Fn::Split")?;
        let at = argument.position;
        let parts = if separator.is_empty() {
            vec![Node::string(text, at)]
        } else {
            text.split(&separator)
                .map(|part| Node::string(part, at))
                .collect()
        };
        Some(Node::new(Value::List(parts), at))
    }

    fn find_in_map(&self, argument: &Node) -> Option<Node> {
        let at = argument.position;
        let Some([map, top, second]) = argument.as_list() else {
            let message = "Fn::FindInMap needs the names of a mapping and of two keys";
            self.diagnostics.error(at, message, "");
            return None;
        };
        let what = "an argument of Fn::FindInMap";
        let (map, top) = (self.text(map, what)?, self.text(top, what)?);
        let second = self.text(second, what)?;
        let mappings = &self.template.mappings;
        let Some(mapping) = mappings.iter().find(|entry| entry.key == map) else {
            let known = mappings.iter().map(|entry| entry.key.as_str());
            let mend = did_you_mean(&map, known, "add it to Mappings");
            self.diagnostics
                .error(at, format!("there is no mapping `{map}`"), mend);
            return None;
        };
        let found = mapping.value.get(&top).and_then(|keys| keys.get(&second));
        if found.is_none() {
            let message = format!("the mapping `{map}` has no value for `{top}`, `{second}`");
            self.diagnostics.error(at, message, "add it to Mappings");
        }
        found.cloned()
    }

    fn import_value(&self, argument: &Node) -> Option<Node> {
        let name = self.text(argument, "the argument of Fn::ImportValue")?;
        self.imports_used.borrow_mut().insert(name.clone());
        let value = self
            .import_values
            .iter()
            .find_map(|values| values.get(&name));
        if value.is_none() {
            self.diagnostics.error_of(
                DiagnosticKind::NotHere,
                argument.position,
                format!("Fn::ImportValue asks for `{name}`, an export of another stack"),
                self.stack.values_from.mend("its value", &name),
            );
        }
        value.map(|text| Node::string(text.as_str(), argument.position))
    }

    fn availability_zones(&self, at: Position) -> Node {
        let zones =
            ["a", "b", "c"].map(|zone| Node::string(format!("{}{zone}", self.stack.region), at));
        Node::new(Value::List(zones.into()), at)
    }

    fn list(&self, node: &Node, what: &str) -> Option<Vec<Node>> {
        let value = self.evaluate(node)?;
        match value.value {
            Value::List(items) => Some(items),
            Value::Unknown => None,
            _ => {
                let message = format!("{what} must be a list, this is {}", value.kind());
                self.diagnostics.error(node.position, message, "");
                None
            }
        }
    }
}

/// A value whose error has been told.
pub(super) fn unknown(at: Position) -> Node {
    Node::new(Value::Unknown, at)
}

fn is_function(key: &str) -> bool {
    key == "Ref" || key.starts_with("Fn::")
}
