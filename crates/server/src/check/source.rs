//! The source of functions: found as the runner finds it, parsed once.
//!
//! tree-sitter reads it, since it takes Python, JavaScript and TypeScript alike, gives a tree for
//! what is only half right, and is the lightest parser of the three that does: 2 MB in the binary,
//! where the well-kept parsers in Rust for both languages have 280 crates.

mod folder;
mod javascript;
mod lower;
mod python;
pub(crate) mod syntax;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    rc::Rc,
};

pub(crate) use folder::Code;
use lower::Lower;
use syntax::{Line, Module};

/// The largest file that is read, bytes: a bundle with the SDK has one to two million.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
}

/// A parsed file.
#[derive(Debug)]
pub(crate) struct File {
    /// As the user may open it.
    pub(crate) path: PathBuf,
    /// Within the code, with `/`.
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) module: Module,
    pub(crate) text: String,
    /// What the lines are counted from: source in a template begins within it.
    pub(crate) first_line: Line,
}

/// The code of a function, its files parsed when they are asked for.
#[derive(Debug)]
pub(crate) struct Sources {
    code: Code,
    files: RefCell<BTreeMap<String, Option<Rc<File>>>>,
}

impl Sources {
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            files: RefCell::default(),
        }
    }

    /// The file of this name, if it is there and is source.
    pub(crate) fn file(&self, name: &str) -> Option<Rc<File>> {
        if let Some(file) = self.files.borrow().get(name) {
            return file.clone();
        }
        let file = self.read(name).map(Rc::new);
        self.files
            .borrow_mut()
            .insert(name.to_owned(), file.clone());
        file
    }

    fn read(&self, name: &str) -> Option<File> {
        let language = language_of(name)?;
        let (path, text, first_line) = self.code.read(name, MAX_BYTES)?;
        Some(File {
            module: parse(&text, language)?,
            path,
            name: name.to_owned(),
            language,
            text,
            first_line,
        })
    }

    /// The file that `module` means in `from`: `./helper`, `.helper`, `lib.helper`.
    pub(crate) fn resolve(&self, from: &File, module: &str) -> Option<Rc<File>> {
        let folder = Path::new(&from.name).parent().unwrap_or(Path::new(""));
        let candidates = match from.language {
            Language::Python => python_files(folder, module),
            Language::JavaScript => javascript_files(folder, module),
        };
        candidates.iter().find_map(|name| self.file(name))
    }
}

fn language_of(name: &str) -> Option<Language> {
    match name.rsplit_once('.')?.1 {
        "py" => Some(Language::Python),
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" => Some(Language::JavaScript),
        _ => None,
    }
}

fn parse(text: &str, language: Language) -> Option<Module> {
    let mut parser = tree_sitter::Parser::new();
    let grammar = match language {
        Language::Python => tree_sitter_python::LANGUAGE,
        // JavaScript is TypeScript too.
        Language::JavaScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
    };
    parser.set_language(&grammar.into()).ok()?;
    let tree = parser.parse(text, None)?;
    let lower = Lower::new(text);
    let body = match language {
        Language::Python => python::module(&lower, tree.root_node()),
        Language::JavaScript => javascript::module(&lower, tree.root_node()),
    };
    Some(Module { body })
}

fn python_files(folder: &Path, module: &str) -> Vec<String> {
    let dots = module.chars().take_while(|c| *c == '.').count();
    let path = module[dots..].replace('.', "/");
    let bases = if dots == 0 {
        // From the root, and, as scripts do it, from beside.
        vec![PathBuf::new(), folder.to_owned()]
    } else {
        let mut base = folder.to_owned();
        for _ in 1..dots {
            if !base.pop() {
                return Vec::new();
            }
        }
        vec![base]
    };
    let names = bases.iter().flat_map(|base| {
        let at = if path.is_empty() {
            base.clone()
        } else {
            base.join(&path)
        };
        let file = at.with_extension("py");
        [file, at.join("__init__.py")]
    });
    names.filter_map(|name| within(&name)).collect()
}

fn javascript_files(folder: &Path, module: &str) -> Vec<String> {
    if !module.starts_with('.') {
        // A package.
        return Vec::new();
    }
    let Some(name) = within(&folder.join(module)) else {
        return Vec::new();
    };
    let suffixes = ["js", "mjs", "cjs", "ts", "mts", "cts"];
    let mut names = vec![name.clone()];
    // TypeScript names what it will be built to.
    if let Some((stem, suffix)) = name.rsplit_once('.') {
        names.extend(match suffix {
            "js" => Some(format!("{stem}.ts")),
            "mjs" => Some(format!("{stem}.mts")),
            "cjs" => Some(format!("{stem}.cts")),
            _ => None,
        });
    }
    names.extend(suffixes.map(|suffix| format!("{name}.{suffix}")));
    names.extend(suffixes.map(|suffix| format!("{name}/index.{suffix}")));
    names
}

/// The path without `.` and `..`; `None` where it leads out of the code.
fn within(path: &Path) -> Option<String> {
    use std::path::Component;
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}
