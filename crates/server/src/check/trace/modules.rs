//! The modules of an app: run once when they are asked for.

use std::{cell::RefCell, rc::Rc};

use super::{
    Frame, Tracer,
    value::{Members, Scope, Value},
};
use crate::check::source::{
    File, Language,
    syntax::{Import, ImportNames, Line},
};

/// A module that has been run, or is being run.
pub(super) struct Loaded {
    pub(super) file: Rc<File>,
    pub(super) scope: Rc<Scope>,
    /// What `exports` and `export` put out.
    pub(super) exports: Members,
}

impl Tracer<'_> {
    /// The number of the module, after it was run.
    pub(super) fn load(&mut self, file: &Rc<File>) -> usize {
        let loaded = self.modules.iter();
        if let Some(module) = loaded
            .map(|loaded| &loaded.file)
            .position(|other| other.name == file.name)
        {
            return module;
        }
        let module = self.modules.len();
        let exports = Members::default();
        let scope = Rc::new(Scope::default());
        if file.language == Language::JavaScript {
            let whole = Value::Object(Rc::clone(&exports));
            scope.set("exports", whole.clone());
            let members = vec![("exports".to_owned(), whole)];
            scope.set("module", Value::object(members));
        }
        self.modules.push(Loaded {
            file: Rc::clone(file),
            scope: Rc::clone(&scope),
            exports,
        });
        let guards = std::mem::take(&mut self.active_guards);
        self.frames.push(Frame {
            module,
            called_at: None,
            function: std::ptr::null(),
            returns: Vec::new(),
            is_async: false,
        });
        self.block(&file.module.body, &scope);
        self.frames.pop();
        self.active_guards = guards;
        module
    }

    /// What a module has under a name.
    pub(super) fn exported(&mut self, module: usize, name: &str) -> Option<Value> {
        let loaded = &self.modules[module];
        if loaded.file.language == Language::Python {
            return loaded.scope.get(name);
        }
        match self.exports_of(module) {
            Value::Object(members) => {
                let members = Value::Object(members);
                match members.member(name) {
                    Some(Value::Getter(getter)) => Some(self.got(&getter)),
                    Some(value) => Some(value),
                    // `import x from` what is not a module of ECMAScript is all of it.
                    None => (name == "default").then_some(members),
                }
            }
            other => (name == "default").then_some(other),
        }
    }

    /// All that a module puts out: its `exports`, or what `module.exports` was set to.
    pub(super) fn exports_of(&self, module: usize) -> Value {
        let loaded = &self.modules[module];
        let own = Value::Object(Rc::clone(&loaded.exports));
        let of_module = loaded.scope.get("module");
        match of_module.and_then(|value| value.member("exports")) {
            // What was put out by `export` counts too.
            Some(Value::Object(members)) if !Rc::ptr_eq(&members, &loaded.exports) => {
                let mut all = loaded.exports.borrow().clone();
                all.extend(members.borrow().iter().cloned());
                Value::Object(Rc::new(RefCell::new(all)))
            }
            Some(Value::Object(_)) | None => own,
            Some(other) => other,
        }
    }

    pub(super) fn import(&mut self, import: &Import, scope: &Rc<Scope>, _line: Line) {
        let from = self.file();
        let Some(file) = self.sources.resolve(&from, &import.module) else {
            self.import_of_others(import, &from, scope);
            return;
        };
        let module = self.load(&file);
        match &import.names {
            ImportNames::Module(name) => scope.set(name, Value::Module(module)),
            ImportNames::Named(names) => {
                for (name, local) in names {
                    let value = self
                        .exported(module, name)
                        .or_else(|| self.submodule(&from, &import.module, name));
                    scope.set(local, value.unwrap_or(Value::Unknown));
                }
            }
            ImportNames::All => {
                let names = match from.language {
                    Language::Python => {
                        let names = self.modules[module].scope.names.borrow();
                        names.clone().into_iter().collect()
                    }
                    Language::JavaScript => self.modules[module].exports.borrow().clone(),
                };
                for (name, value) in names {
                    scope.set(&name, value);
                }
            }
            ImportNames::Nothing => {}
        }
    }

    /// Modules of the runtime and packages, and folders of Python modules.
    fn import_of_others(&mut self, import: &Import, from: &Rc<File>, scope: &Rc<Scope>) {
        // `node:fs` is `fs`.
        let package = import.module.trim_start_matches("node:");
        match &import.names {
            ImportNames::Module(name) => scope.set(name, Value::library(package)),
            ImportNames::Named(names) => {
                for (name, local) in names {
                    let value = self
                        .submodule(from, &import.module, name)
                        .unwrap_or_else(|| match name.as_str() {
                            "default" => Value::library(package),
                            name => Value::library(format!("{package}.{name}")),
                        });
                    scope.set(local, value);
                }
            }
            ImportNames::All | ImportNames::Nothing => {}
        }
    }

    /// `from package import module`.
    fn submodule(&mut self, from: &Rc<File>, package: &str, name: &str) -> Option<Value> {
        if from.language != Language::Python {
            return None;
        }
        let separator = if package.ends_with('.') { "" } else { "." };
        let file = self
            .sources
            .resolve(from, &format!("{package}{separator}{name}"))?;
        Some(Value::Module(self.load(&file)))
    }

    /// `require(…)`.
    pub(super) fn require(&mut self, module: &str) -> Value {
        let from = self.file();
        match self.sources.resolve(&from, module) {
            Some(file) => {
                let module = self.load(&file);
                self.exports_of(module)
            }
            None => Value::library(module.trim_start_matches("node:")),
        }
    }
}
