//! `Globals`: properties that all resources of a type share. Mappings are merged, lists are
//! joined, everything else is replaced by the resource's own.

use super::super::{
    diagnostic::{Diagnostics, did_you_mean},
    document::{Entry, Node, Value},
    sections::Resource,
};

const SECTIONS: [&str; 8] = [
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];

pub(super) fn check(globals: &[Entry], is_sam: bool, diagnostics: &Diagnostics) {
    for section in globals {
        if !SECTIONS.contains(&section.key.as_str()) {
            let message = format!("`{}` is not a section of Globals", section.key);
            let mend = did_you_mean(&section.key, SECTIONS, "remove it");
            diagnostics.error(section.position, message, mend);
        }
    }
    if let (Some(section), false) = (globals.first(), is_sam) {
        diagnostics.error(
            section.position,
            "Globals needs SAM's transform",
            "add `Transform: AWS::Serverless-2016-10-31` to the template",
        );
    }
}

/// Gives a resource what the globals of its type set.
pub(super) fn apply(globals: &[Entry], resource: &mut Resource) {
    let noun = resource.type_name.rsplit("::").next().unwrap_or_default();
    let Some(section) = globals.iter().find(|section| section.key == noun) else {
        return;
    };
    let ignored = resource.ignore_globals.as_ref();
    let is_ignored = |name: &str| {
        ignored.is_some_and(|ignored| match ignored.as_list() {
            Some(names) => names.iter().any(|ignored| ignored.as_text() == Some(name)),
            None => ignored.as_text() == Some("*"),
        })
    };
    let entries = section.value.entries().iter();
    let shared = entries
        .filter(|entry| !is_ignored(&entry.key))
        .cloned()
        .collect();
    let shared = Node::new(Value::Map(shared), section.value.position);
    resource.properties = merged(&shared, &resource.properties);
}

fn merged(shared: &Node, own: &Node) -> Node {
    let value = match (&shared.value, &own.value) {
        (Value::Map(_), Value::Map(_)) if is_function(shared) || is_function(own) => {
            return own.clone();
        }
        (Value::Map(shared), Value::Map(own_entries)) => {
            let mut entries: Vec<Entry> = own_entries.clone();
            for entry in shared {
                match entries.iter_mut().find(|own| own.key == entry.key) {
                    Some(own) => own.value = merged(&entry.value, &own.value),
                    None => entries.push(entry.clone()),
                }
            }
            Value::Map(entries)
        }
        (Value::List(shared), Value::List(own)) => Value::List([shared.as_slice(), own].concat()),
        _ => return own.clone(),
    };
    Node::new(value, own.position)
}

/// An intrinsic function is one value and is not merged into.
fn is_function(node: &Node) -> bool {
    matches!(node.entries(), [entry] if entry.key == "Ref" || entry.key.starts_with("Fn::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::document::parse;

    #[test]
    fn mappings_merge_lists_join_and_the_own_value_wins() {
        let shared = parse("{Timeout: 9, Layers: [a], Environment: {Variables: {A: 1, B: 2}}}");
        let own = parse("{Timeout: 3, Layers: [b], Environment: {Variables: {B: 3}}}");
        let merged = merged(&shared.unwrap(), &own.unwrap());
        assert_eq!(
            merged.to_json().to_string(),
            r#"{"Timeout":3,"Layers":["a","b"],"Environment":{"Variables":{"B":3,"A":1}}}"#
        );
    }
}
