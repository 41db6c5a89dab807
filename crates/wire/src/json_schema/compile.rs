//! From the JSON of schemas to what the validator wants. References are followed here, within the
//! models of the API and never elsewhere.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::{
    InvalidSchema, JsonSchema, MAX_SCHEMA_CHARS, Models, Problem,
    keyword::{Schema, SchemaId},
    pattern::Pattern,
    reader,
};

/// Where references to models lead.
const MODELS_URL: &str = "https://apigateway.amazonaws.com/restapis/";
/// Different patterns that one schema may have; each takes memory.
const MAX_PATTERNS: usize = 128;
/// How deep schemas may combine for one and the same value.
const MAX_COMBINED: usize = 32;

/// A place in the schema of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub model: String,
    /// A JSON Pointer, `/properties/name`.
    pub pointer: String,
}

/// Compiles one schema and all that it refers to.
pub(super) struct Compiler<'a> {
    models: Models<'a>,
    documents: BTreeMap<String, Value>,
    ids: HashMap<Place, SchemaId>,
    /// What has an id but is not compiled.
    waiting: Vec<(Place, SchemaId)>,
    schemas: Vec<Schema>,
    patterns: HashMap<String, Pattern>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(models: Models<'a>) -> Self {
        Self {
            models,
            documents: BTreeMap::new(),
            ids: HashMap::new(),
            waiting: Vec::new(),
            schemas: Vec::new(),
            patterns: HashMap::new(),
        }
    }

    pub(super) fn compile(mut self, model: &str) -> Result<JsonSchema, InvalidSchema> {
        let root = Place {
            model: model.to_owned(),
            pointer: String::new(),
        };
        self.id_of(root)?;
        while let Some((place, id)) = self.waiting.pop() {
            let schema = reader::read(&mut self, &place)?;
            // Perhaps it refers to itself.
            let is_shared = self.schemas[id].is_shared;
            self.schemas[id] = Schema {
                is_shared,
                ..schema
            };
        }
        self.refuse_endless(model)?;
        Ok(JsonSchema {
            schemas: self.schemas,
        })
    }

    /// The schema at a place, or where the references there lead.
    pub(super) fn id_of(&mut self, mut place: Place) -> Result<SchemaId, InvalidSchema> {
        let mut is_shared = false;
        let mut seen = HashSet::new();
        while let Some(reference) = self.reference_at(&place)? {
            if !seen.insert(place.clone()) {
                return Err(invalid(&place, "the reference leads back to itself".into()));
            }
            place = self.target_of(&reference, &place)?;
            is_shared = true;
        }
        let known = self.ids.get(&place).copied();
        let id = known.unwrap_or_else(|| {
            let id = self.schemas.len();
            self.schemas.push(Schema::default());
            self.ids.insert(place.clone(), id);
            self.waiting.push((place, id));
            id
        });
        self.schemas[id].is_shared |= is_shared;
        Ok(id)
    }

    /// `$ref`, beside which all else is ignored.
    fn reference_at(&mut self, place: &Place) -> Result<Option<String>, InvalidSchema> {
        match self.object_at(place)?.get("$ref") {
            None => Ok(None),
            Some(Value::String(reference)) => Ok(Some(reference.clone())),
            Some(_) => Err(invalid(place, "$ref must be a text".into())),
        }
    }

    /// Where a reference leads.
    fn target_of(&mut self, reference: &str, place: &Place) -> Result<Place, InvalidSchema> {
        let fail = |what| InvalidSchema {
            model: place.model.clone(),
            place: format!("#{}", place.pointer),
            problem: Problem::Reference {
                reference: reference.chars().take(200).collect(),
                what,
            },
        };
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let model = if document.is_empty() {
            &place.model
        } else {
            let path = document.strip_prefix(MODELS_URL);
            let named = path.and_then(|path| path.split_once("/models/"));
            let Some((api_id, model)) = named else {
                return Err(fail("leads out of this API, where Gatepost never follows"));
            };
            if api_id != self.models.api_id {
                return Err(fail("names another API"));
            }
            model
        };
        let target = Place {
            model: model.to_owned(),
            pointer: unescaped(fragment),
        };
        if !self.models.schemas.contains_key(model) {
            return Err(fail("names no model"));
        }
        match self.document(model)?.pointer(&target.pointer) {
            Some(Value::Object(_)) => Ok(target),
            Some(_) | None => Err(fail("names no schema")),
        }
    }

    fn document(&mut self, model: &str) -> Result<&Value, InvalidSchema> {
        if !self.documents.contains_key(model) {
            let text = self.models.schemas.get(model).copied().unwrap_or_default();
            let fail = |problem| InvalidSchema {
                model: model.to_owned(),
                place: "#".to_owned(),
                problem,
            };
            if text.chars().count() > MAX_SCHEMA_CHARS {
                return Err(fail(Problem::TooLong));
            }
            let document = serde_json::from_str(text)
                .map_err(|error| fail(Problem::NotJson(error.to_string())))?;
            self.documents.insert(model.to_owned(), document);
        }
        Ok(&self.documents[model])
    }

    pub(super) fn object_at(
        &mut self,
        place: &Place,
    ) -> Result<&Map<String, Value>, InvalidSchema> {
        let schema = self.document(&place.model)?.pointer(&place.pointer);
        schema
            .and_then(Value::as_object)
            .ok_or_else(|| invalid(place, "a schema must be an object".into()))
    }

    pub(super) fn compiled_pattern(&mut self, source: &str) -> Result<Pattern, String> {
        if let Some(pattern) = self.patterns.get(source) {
            return Ok(pattern.clone());
        }
        if self.patterns.len() >= MAX_PATTERNS {
            return Err(format!(
                "a schema has at most {MAX_PATTERNS} different patterns"
            ));
        }
        let pattern = Pattern::parse(source).map_err(|error| {
            format!("{source:?} is not a valid ECMA 262 regular expression: {error}")
        })?;
        self.patterns.insert(source.to_owned(), pattern.clone());
        Ok(pattern)
    }

    /// Refuses schemas that combine themselves for one and the same value, without end or deeper
    /// than the validator follows.
    fn refuse_endless(&self, model: &str) -> Result<(), InvalidSchema> {
        let mut depths = vec![None; self.schemas.len()];
        for id in 0..self.schemas.len() {
            if self.combined_depth(id, &mut depths, 0).is_none() {
                let place = self.ids.iter().find(|(_, known)| **known == id);
                let place = place.map_or_else(
                    || Place {
                        model: model.to_owned(),
                        pointer: String::new(),
                    },
                    |(place, _)| place.clone(),
                );
                let what = format!(
                    "it refers to itself, or combines more than {MAX_COMBINED} schemas, without \
                     going deeper into the message"
                );
                return Err(invalid(&place, what));
            }
        }
        Ok(())
    }

    /// How many schemas below this one are for the same value; `None` when too many.
    fn combined_depth(
        &self,
        id: SchemaId,
        depths: &mut [Option<usize>],
        above: usize,
    ) -> Option<usize> {
        if above > MAX_COMBINED {
            return None;
        }
        if let Some(depth) = depths[id] {
            return (above + depth <= MAX_COMBINED).then_some(depth);
        }
        let mut depth = 0;
        for keyword in &self.schemas[id].keywords {
            for below in keyword.combined() {
                depth = depth.max(1 + self.combined_depth(*below, depths, above + 1)?);
            }
        }
        depths[id] = Some(depth);
        Some(depth)
    }
}

pub(super) fn invalid(place: &Place, what: String) -> InvalidSchema {
    InvalidSchema {
        model: place.model.clone(),
        place: format!("#{}", place.pointer),
        problem: Problem::Value(what),
    }
}

/// A fragment without its percent encoding.
fn unescaped(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| {
                let digits = str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 16).ok()
            });
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
