//! `$input`: the body, paths into it, and the handshake's parameters.

use crate::{
    expression::json_path::{
        Found, JsonPath, Made,
        evaluate::{Work, evaluate},
    },
    template::{
        document::{self, HeapNode, ReadError},
        print::MAX_DEPTH,
        problem::Problem,
        render::{Outcome, Renderer},
        syntax::{Accessor, Prepared, Reference},
        value::{Host, Key, Map, MapId, Text, Value},
    },
};

/// What AWS renders for a path that leads nowhere: an empty JSON text.
const NO_JSON: &str = "\"\"";

impl<'a> Renderer<'a> {
    /// A method of `$input`; `None` when it has none of that name.
    pub(in crate::template) fn call_input(
        &mut self,
        name: &str,
        arguments: &[Value<'a>],
        prepared: &'a Prepared,
    ) -> Outcome<Option<Value<'a>>> {
        Ok(Some(match (name, arguments) {
            ("json", [path]) => {
                let found = self.at_path(path, prepared)?;
                Value::Text(match found {
                    Some(value) => self.json_of(&value)?,
                    None => Text::Borrowed(NO_JSON),
                })
            }
            ("path", [path]) => {
                let found = self.at_path(path, prepared)?;
                found.unwrap_or(Value::Text(Text::Borrowed("")))
            }
            ("params", []) => self.params()?,
            ("params", [name]) => {
                let name = self.text_of(name)?;
                self.param(&name)
            }
            ("getBody", []) => Value::Text(Text::Borrowed(self.input.body)),
            _ => return Ok(None),
        }))
    }

    /// Prints `$input.json('literal')`, the most frequent of all references, without making a text
    /// of it first; whether it is one.
    pub(in crate::template) fn print_input_json(
        &mut self,
        reference: &'a Reference,
    ) -> Outcome<bool> {
        let [Accessor::Method(method)] = &reference.accessors[..] else {
            return Ok(false);
        };
        let (Prepared::Path(path), "json", 1) =
            (&method.prepared, &*method.name, method.arguments.len())
        else {
            return Ok(false);
        };
        if !matches!(self.variable(reference.variable)?, Value::Host(Host::Input)) {
            return Ok(false);
        }
        self.place = reference.place;
        let body = self.body_as_json()?;
        match self.found(path, &body)? {
            Some(value) => self.push_json(&value, MAX_DEPTH)?,
            None => self.push(NO_JSON)?,
        }
        Ok(true)
    }

    /// The body as `$input.json` and `$input.path` see it: an empty one is an empty object, as on
    /// AWS; one that is not JSON fails the request.
    fn body_as_json(&mut self) -> Outcome<Value<'a>> {
        if let Some(body) = &self.body {
            return Ok(body.clone());
        }
        let input = self.input;
        let body = if input.body.trim().is_empty() {
            Value::Map(self.heap.add_map(Map::default()))
        } else {
            self.budget.bytes(input.body.len())?;
            document::read(input.body, &mut self.heap, &mut self.budget).map_err(|error| {
                match error {
                    ReadError::NotJson(reason) => Problem::BodyIsNotJson(reason),
                    ReadError::Problem(problem) => problem,
                }
            })?
        };
        self.body = Some(body.clone());
        Ok(body)
    }

    fn at_path(&mut self, path: &Value<'a>, prepared: &'a Prepared) -> Outcome<Option<Value<'a>>> {
        let body = self.body_as_json()?;
        if let Prepared::Path(path) = prepared {
            return self.found(path, &body);
        }
        let path = self.text_of(path)?;
        self.budget.steps(path.len())?;
        match JsonPath::parse(&path) {
            Ok(path) => self.found(&path, &body),
            Err(error) => Err(Problem::method("$input", error.to_string()).into()),
        }
    }

    /// What a path finds: values that are shared with the body, so that what changes them changes
    /// it.
    fn found(&mut self, path: &JsonPath, body: &Value<'a>) -> Outcome<Option<Value<'a>>> {
        let mut work = Work::new(self.budget.steps_left());
        let node = HeapNode {
            heap: &self.heap,
            value: body,
        };
        let found = evaluate(path, node, node, &mut work).map_err(|_| Problem::TooManySteps)?;
        let found = match found {
            Found::Nothing => Found::Nothing,
            Found::One(node) => Found::One(node.value.clone()),
            Found::Many(nodes) => {
                Found::Many(nodes.into_iter().map(|node| node.value.clone()).collect())
            }
            Found::Members(members) => Found::Members(cloned(members)),
            Found::ManyMembers(all) => Found::ManyMembers(all.into_iter().map(cloned).collect()),
            Found::Made(made) => Found::Made(made),
        };
        self.budget.steps(self.budget.steps_left() - work.left())?;
        Ok(Some(match found {
            Found::Nothing => return Ok(None),
            Found::One(value) => value,
            Found::Many(values) => self.list(values)?,
            Found::Members(members) => Value::Map(self.members(members)?),
            Found::ManyMembers(all) => {
                let mut maps = Vec::with_capacity(all.len());
                for members in all {
                    maps.push(Value::Map(self.members(members)?));
                }
                self.list(maps)?
            }
            Found::Made(Made::Number(number)) => Value::Number(number),
            Found::Made(Made::Text(text)) => Value::Text(self.text(text)?),
            Found::Made(Made::Texts(texts)) => {
                let mut values = Vec::with_capacity(texts.len());
                for text in texts {
                    values.push(Value::Text(self.text(text)?));
                }
                self.list(values)?
            }
        }))
    }

    fn members(&mut self, members: Vec<(&str, Value<'a>)>) -> Outcome<MapId> {
        let mut map = Map::default();
        for (name, value) in members {
            self.pay_member()?;
            let key = Key::Text(self.text(name.to_owned())?);
            map.0.insert(key, value);
        }
        Ok(self.heap.add_map(map))
    }

    /// `$input.params()`: of values with one name the last counts.
    fn params(&mut self) -> Outcome<Value<'a>> {
        let params = self.input.params;
        let mut all = Map::default();
        for (name, pairs) in [
            ("path", &[][..]),
            ("querystring", params.query),
            ("header", params.headers),
        ] {
            let mut map = Map::default();
            for (name, value) in pairs {
                self.pay_member()?;
                let value = Value::Text(Text::Borrowed(value));
                map.0.insert(Key::Text(Text::Borrowed(name)), value);
            }
            let map = Value::Map(self.heap.add_map(map));
            all.0.insert(Key::Text(Text::Borrowed(name)), map);
        }
        Ok(Value::Map(self.heap.add_map(all)))
    }

    /// `$input.params('name')`: of the path, else of the query, else of the headers, whose names
    /// have no case; else an empty text.
    fn param(&self, name: &str) -> Value<'a> {
        let params = self.input.params;
        let of_query = params.query.iter().rev().find(|(known, _)| known == name);
        let of_headers = || {
            let is_it = |known: &str| known.eq_ignore_ascii_case(name);
            params.headers.iter().rev().find(|(known, _)| is_it(known))
        };
        let found = of_query.or_else(of_headers);
        Value::Text(Text::Borrowed(found.map_or("", |(_, value)| value)))
    }

    /// `$util.parseJson`.
    pub(super) fn parse_json(&mut self, value: &Value<'a>) -> Outcome<Value<'a>> {
        let text = self.text_of(value)?;
        self.budget.bytes(text.len())?;
        let (heap, budget) = (&mut self.heap, &mut self.budget);
        let read = match text {
            Text::Borrowed(text) => document::read(text, heap, budget),
            Text::Shared(text) => document::read_copied(&text, heap, budget),
        };
        read.map_err(|error| match error {
            ReadError::NotJson(reason) => Problem::method("$util.parseJson", reason).into(),
            ReadError::Problem(problem) => problem.into(),
        })
    }
}

fn cloned<'p, 'a>(members: Vec<(&'p str, HeapNode<'_, 'a>)>) -> Vec<(&'p str, Value<'a>)> {
    members
        .into_iter()
        .map(|(name, node)| (name, node.value.clone()))
        .collect()
}
