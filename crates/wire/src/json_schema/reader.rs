//! The keywords of one schema, read from its JSON and checked.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::{
    InvalidSchema, Problem,
    compile::{Compiler, Place, invalid},
    format::Format,
    keyword::{Keyword, Schema, SchemaId, Types},
    number,
    pattern::Pattern,
};

const UNIQUE_ITEMS: &str = "uniqueItems";
/// The keywords of draft 4. AWS refuses all others.
const KEYWORDS: [&str; 34] = [
    "$ref",
    "$schema",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "definitions",
    "dependencies",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "required",
    "title",
    "type",
    UNIQUE_ITEMS,
];

/// Reads the schema at a place without a reference.
pub(super) fn read(compiler: &mut Compiler<'_>, place: &Place) -> Result<Schema, InvalidSchema> {
    let members = compiler.object_at(place)?.clone();
    let unknown: Vec<String> = members
        .keys()
        .filter(|key| !KEYWORDS.contains(&key.as_str()))
        .cloned()
        .collect();
    if !unknown.is_empty() {
        return Err(InvalidSchema {
            model: place.model.clone(),
            place: format!("#{}", place.pointer),
            problem: Problem::UnsupportedKeywords(unknown),
        });
    }
    let mut reader = Reader {
        compiler,
        place,
        members: &members,
        schema: Schema::default(),
    };
    reader.texts()?;
    // In the order of their names, in which AWS tells of them.
    reader.items()?;
    reader.properties()?;
    reader.combined("allOf", Keyword::AllOf)?;
    reader.combined("anyOf", Keyword::AnyOf)?;
    reader.dependencies()?;
    reader.enumeration()?;
    reader.format()?;
    reader.count("maxItems", Keyword::MaxItems)?;
    reader.count("maxLength", Keyword::MaxLength)?;
    reader.count("maxProperties", Keyword::MaxProperties)?;
    reader.bound("maximum", "exclusiveMaximum", Keyword::Maximum)?;
    reader.count("minItems", Keyword::MinItems)?;
    reader.count("minLength", Keyword::MinLength)?;
    reader.count("minProperties", Keyword::MinProperties)?;
    reader.bound("minimum", "exclusiveMinimum", Keyword::Minimum)?;
    reader.multiple_of()?;
    reader.negation()?;
    reader.combined("oneOf", Keyword::OneOf)?;
    reader.pattern()?;
    reader.required()?;
    reader.types()?;
    reader.unique_items()?;
    reader.definitions()?;
    Ok(reader.schema)
}

/// Reads the keywords of one schema.
struct Reader<'c, 'a> {
    compiler: &'c mut Compiler<'a>,
    place: &'c Place,
    members: &'c Map<String, Value>,
    schema: Schema,
}

impl<'c> Reader<'c, '_> {
    fn get(&self, name: &str) -> Option<&'c Value> {
        self.members.get(name)
    }

    fn wrong<T>(&self, name: &str, what: &str) -> Result<T, InvalidSchema> {
        Err(invalid(self.place, format!("{name} {what}")))
    }

    fn push(&mut self, keyword: Keyword) {
        self.schema.keywords.push(keyword);
    }

    /// The schema at `path` below this one.
    fn below(&mut self, path: &[&str]) -> Result<SchemaId, InvalidSchema> {
        let mut place = self.place.clone();
        for step in path {
            place.pointer.push('/');
            place
                .pointer
                .push_str(&step.replace('~', "~0").replace('/', "~1"));
        }
        self.compiler.id_of(place)
    }

    /// The schemas of a list.
    fn list(&mut self, name: &str, items: &[Value]) -> Result<Vec<SchemaId>, InvalidSchema> {
        (0..items.len())
            .map(|index| self.below(&[name, &index.to_string()]))
            .collect()
    }

    /// An object of schemas.
    fn map(&mut self, name: &str) -> Result<Vec<(&'c str, SchemaId)>, InvalidSchema> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Object(members)) => members
                .keys()
                .map(|key| Ok((key.as_str(), self.below(&[name, key])?)))
                .collect(),
            Some(_) => self.wrong(name, "must be an object"),
        }
    }

    fn texts(&self) -> Result<(), InvalidSchema> {
        for name in ["$schema", "id", "title", "description"] {
            if self.get(name).is_some_and(|value| !value.is_string()) {
                return self.wrong(name, "must be a text");
            }
        }
        Ok(())
    }

    fn items(&mut self) -> Result<(), InvalidSchema> {
        match self.get("items") {
            None => {}
            Some(Value::Object(_)) => self.schema.items.others = Some(self.below(&["items"])?),
            Some(Value::Array(items)) => self.schema.items.first = self.list("items", items)?,
            Some(_) => return self.wrong("items", "must be a schema or a list of schemas"),
        }
        // Beside one schema for all items there are no additional ones.
        let is_list = self.get("items").is_some_and(Value::is_array);
        match self.get("additionalItems") {
            Some(Value::Bool(false)) if is_list => {
                self.push(Keyword::NoAdditionalItems(self.schema.items.first.len()));
            }
            Some(Value::Object(_)) if is_list => {
                self.schema.items.others = Some(self.below(&["additionalItems"])?);
            }
            None | Some(Value::Bool(_)) => {}
            Some(Value::Object(_)) => drop(self.below(&["additionalItems"])?),
            Some(_) => return self.wrong("additionalItems", "must be a boolean or a schema"),
        }
        Ok(())
    }

    fn properties(&mut self) -> Result<(), InvalidSchema> {
        let named = self.map("properties")?;
        let named = named.into_iter().map(|(name, id)| (name.to_owned(), id));
        self.schema.properties.named = named.collect();
        for (source, id) in self.map("patternProperties")? {
            let pattern = self.compiled(source)?;
            self.schema.properties.patterns.push((pattern, id));
        }
        match self.get("additionalProperties") {
            None | Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => self.push(Keyword::NoAdditionalProperties),
            Some(Value::Object(_)) => {
                self.schema.properties.others = Some(self.below(&["additionalProperties"])?);
            }
            Some(_) => return self.wrong("additionalProperties", "must be a boolean or a schema"),
        }
        Ok(())
    }

    fn compiled(&mut self, source: &str) -> Result<Pattern, InvalidSchema> {
        let compiled = self.compiler.compiled_pattern(source);
        compiled.map_err(|what| invalid(self.place, what))
    }

    fn combined(
        &mut self,
        name: &str,
        make: fn(Vec<SchemaId>) -> Keyword,
    ) -> Result<(), InvalidSchema> {
        match self.get(name) {
            None => Ok(()),
            Some(Value::Array(items)) if !items.is_empty() => {
                let schemas = self.list(name, items)?;
                self.push(make(schemas));
                Ok(())
            }
            Some(_) => self.wrong(name, "must be a list of at least one schema"),
        }
    }

    fn dependencies(&mut self) -> Result<(), InvalidSchema> {
        let Some(value) = self.get("dependencies") else {
            return Ok(());
        };
        let Value::Object(members) = value else {
            return self.wrong("dependencies", "must be an object");
        };
        for (property, needed) in members {
            let property = property.clone();
            let keyword = match needed {
                Value::Object(_) => Keyword::SchemaDependency {
                    schema: self.below(&["dependencies", &property])?,
                    property,
                },
                _ => Keyword::PropertyDependency {
                    required: self.names("dependencies", needed)?,
                    property,
                },
            };
            self.push(keyword);
        }
        Ok(())
    }

    /// A list of at least one name, sorted.
    fn names(&self, name: &str, value: &Value) -> Result<Vec<String>, InvalidSchema> {
        let texts = value.as_array().filter(|items| !items.is_empty());
        let texts =
            texts.and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let Some(mut texts) = texts else {
            return self.wrong(name, "must be a list of at least one property name");
        };
        texts.sort_unstable();
        if texts.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.wrong(name, "names a property twice");
        }
        Ok(texts.into_iter().map(str::to_owned).collect())
    }

    fn enumeration(&mut self) -> Result<(), InvalidSchema> {
        match self.get("enum") {
            None => Ok(()),
            Some(Value::Array(values)) if !values.is_empty() => {
                let distinct: HashSet<String> = values.iter().map(number::canonical).collect();
                if distinct.len() < values.len() {
                    return self.wrong("enum", "has a value twice");
                }
                self.push(Keyword::Enum(values.clone()));
                Ok(())
            }
            Some(_) => self.wrong("enum", "must be a list of at least one value"),
        }
    }

    fn format(&mut self) -> Result<(), InvalidSchema> {
        match self.get("format") {
            None => {}
            Some(Value::String(name)) => {
                let format = Format::named(name).map(Keyword::Format);
                self.schema.keywords.extend(format);
            }
            Some(_) => return self.wrong("format", "must be a text"),
        }
        Ok(())
    }

    fn count(&mut self, name: &str, make: fn(usize) -> Keyword) -> Result<(), InvalidSchema> {
        match self.get(name) {
            None => Ok(()),
            Some(value) => match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
                Some(count) => {
                    self.push(make(count));
                    Ok(())
                }
                None => self.wrong(name, "must be a whole number, not below 0"),
            },
        }
    }

    fn bound(
        &mut self,
        name: &str,
        exclusive: &str,
        make: fn(Number, bool) -> Keyword,
    ) -> Result<(), InvalidSchema> {
        let is_exclusive = match self.get(exclusive) {
            None => false,
            Some(Value::Bool(flag)) if self.get(name).is_some() => *flag,
            Some(Value::Bool(_)) => return self.wrong(exclusive, &format!("needs {name}")),
            Some(_) => return self.wrong(exclusive, "must be a boolean"),
        };
        match self.get(name) {
            None => Ok(()),
            Some(Value::Number(bound)) => {
                self.push(make(bound.clone(), is_exclusive));
                Ok(())
            }
            Some(_) => self.wrong(name, "must be a number"),
        }
    }

    fn multiple_of(&mut self) -> Result<(), InvalidSchema> {
        match self.get("multipleOf") {
            None => Ok(()),
            Some(Value::Number(divisor)) if divisor.as_f64().is_some_and(|value| value > 0.0) => {
                self.push(Keyword::MultipleOf(divisor.clone()));
                Ok(())
            }
            Some(_) => self.wrong("multipleOf", "must be a number above 0"),
        }
    }

    fn negation(&mut self) -> Result<(), InvalidSchema> {
        if self.get("not").is_some() {
            let schema = self.below(&["not"])?;
            self.push(Keyword::Not(schema));
        }
        Ok(())
    }

    fn pattern(&mut self) -> Result<(), InvalidSchema> {
        match self.get("pattern") {
            None => Ok(()),
            Some(Value::String(source)) => {
                let pattern = self.compiled(source)?;
                self.push(Keyword::Pattern(pattern));
                Ok(())
            }
            Some(_) => self.wrong("pattern", "must be a text"),
        }
    }

    fn required(&mut self) -> Result<(), InvalidSchema> {
        if let Some(value) = self.get("required") {
            let names = self.names("required", value)?;
            self.push(Keyword::Required(names));
        }
        Ok(())
    }

    fn types(&mut self) -> Result<(), InvalidSchema> {
        let names = match self.get("type") {
            None => return Ok(()),
            Some(Value::Array(names)) if !names.is_empty() => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
        };
        let mut types = Types::default();
        for name in names {
            match name.as_str().and_then(Types::named) {
                Some(named) => types = types.and(named),
                None => return self.wrong("type", &format!("is {name}, which is no type")),
            }
        }
        self.push(Keyword::Type(types));
        Ok(())
    }

    fn unique_items(&mut self) -> Result<(), InvalidSchema> {
        match self.get(UNIQUE_ITEMS) {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => self.push(Keyword::UniqueItems),
            Some(_) => return self.wrong(UNIQUE_ITEMS, "must be a boolean"),
        }
        Ok(())
    }

    /// Those that nothing refers to must be schemas too.
    fn definitions(&mut self) -> Result<(), InvalidSchema> {
        self.map("definitions").map(drop)
    }
}
