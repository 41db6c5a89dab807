//! Mapping templates and the expression that selects one of them.

use std::collections::BTreeMap;

use gatepost_wire::{expression::selection::SelectionExpression, template::Template};

/// Templates and the expression that selects one.
#[derive(Debug, Default)]
pub struct Templates {
    /// `templateSelectionExpression`.
    pub selection: Option<SelectionExpression>,
    /// Template key to template.
    pub by_key: BTreeMap<String, Template>,
}

impl Templates {
    /// The template for a selected key: that, else `$default`, else (with no expression)
    /// `application/json`, as AWS's own MOCK example has it (data-plane spec 5.7).
    pub fn select(&self, key: Option<&str>) -> Option<&Template> {
        key.and_then(|key| self.by_key.get(key))
            .or_else(|| self.by_key.get("$default"))
            .or_else(|| {
                self.by_key
                    .get("application/json")
                    .filter(|_| self.selection.is_none())
            })
    }
}
