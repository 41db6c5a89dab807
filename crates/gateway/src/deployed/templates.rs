//! Mapping templates and the expression that selects one of them.

use std::collections::BTreeMap;

use gatepost_wire::{
    expression::selection::SelectionExpression,
    template::{Template, TemplateError},
};

/// Templates and the expression that selects one.
#[derive(Debug, Default)]
pub struct Templates {
    /// `templateSelectionExpression`.
    pub selection: Option<SelectionExpression>,
    /// Template key to template. AWS takes one that breaks Velocity's grammar, and fails each
    /// request that selects it.
    pub by_key: BTreeMap<String, Result<Template, TemplateError>>,
}

/// A template that was selected.
#[derive(Debug, Clone, Copy)]
pub struct SelectedTemplate<'t> {
    /// Its key.
    pub key: &'t str,
    /// The template, or what is wrong with it.
    pub template: Result<&'t Template, &'t TemplateError>,
}

impl Templates {
    /// The template for a selected key: that, else `$default`, else (with no expression)
    /// `application/json`, as AWS's own MOCK example has it (data-plane spec 5.7).
    pub fn select(&self, key: Option<&str>) -> Option<SelectedTemplate<'_>> {
        let find = |key: &str| self.by_key.get_key_value(key);
        let (key, template) = key
            .and_then(find)
            .or_else(|| find("$default"))
            .or_else(|| find("application/json").filter(|_| self.selection.is_none()))?;
        Some(SelectedTemplate {
            key,
            template: template.as_ref(),
        })
    }
}
