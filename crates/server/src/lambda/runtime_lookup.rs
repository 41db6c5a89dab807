//! Which program of this machine runs a function: the exact version, else the nearest of the
//! family with a warning, else a clear error.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gatepost_model::function::{Function, Runtime};
use parking_lot::Mutex;

use super::code::{CodeError, CodeStore, Prepared};

const PYTHON_BOOTSTRAP: &str = include_str!("bootstrap/bootstrap.py");
const NODE_BOOTSTRAP: &str = include_str!("bootstrap/index.mjs");
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What to start.
#[derive(Debug, Clone)]
pub(super) struct Interpreter {
    pub program: PathBuf,
    pub arguments: Vec<PathBuf>,
    /// Packages of a virtual environment whose own interpreter does not run.
    pub site_packages: Option<PathBuf>,
    /// It is not the version that the function asks for.
    pub warning: Option<String>,
}

/// Why nothing here runs a function.
#[derive(Debug, thiserror::Error)]
pub(super) enum RuntimeError {
    #[error("{runtime} is not on this machine: install {program} and put it on PATH")]
    NotInstalled { runtime: String, program: String },
    #[error("{} is not an executable file: build the function, `bootstrap` is its program", .0.display())]
    NoBootstrap(PathBuf),
    #[error(transparent)]
    Code(#[from] CodeError),
}

/// Finds interpreters and remembers them: asking one for its version takes as long as a cold start.
pub(super) struct RuntimeLookup {
    environment: BTreeMap<String, String>,
    found: Mutex<HashMap<String, Found>>,
}

#[derive(Clone)]
struct Found {
    program: PathBuf,
    warning: Option<String>,
}

impl RuntimeLookup {
    pub fn new(own_environment: &BTreeMap<String, String>) -> Self {
        Self {
            environment: own_environment.clone(),
            found: Mutex::default(),
        }
    }

    /// Finds what runs a function. Starts programs and waits for them: not for an async task.
    pub fn find(
        &self,
        function: &Function,
        code: &Prepared,
        store: &CodeStore,
    ) -> Result<Interpreter, RuntimeError> {
        match &function.runtime {
            Runtime::Python(version) => self.python(version, function, code, store),
            Runtime::Node(major) => self.node(*major, store),
            Runtime::Provided(_) => provided(code),
        }
    }

    fn python(
        &self,
        version: &str,
        function: &Function,
        code: &Prepared,
        store: &CodeStore,
    ) -> Result<Interpreter, RuntimeError> {
        let bootstrap = store.runtime_file("bootstrap.py", PYTHON_BOOTSTRAP)?;
        let cache = format!("pycache_prefix={}", store.cache_folder().display());
        let arguments = vec![
            "-u".into(),
            "-X".into(),
            cache.into(),
            bootstrap,
            function.handler.clone().into(),
        ];
        let environment = code.root.ancestors().map(|folder| folder.join(".venv"));
        let venv = environment
            .into_iter()
            .find(|venv| venv.join("pyvenv.cfg").is_file());
        let interpreter = venv.as_ref().map(|venv| venv.join("bin/python"));
        if let (Some(venv), Some(program)) = (&venv, interpreter)
            && is_executable(&program)
        {
            let warning = venv_version(venv)
                .filter(|found| found != version)
                .map(|found| {
                    format!(
                        "python{version} is asked for, {} is python{found}",
                        venv.display()
                    )
                });
            return Ok(Interpreter {
                program,
                arguments,
                site_packages: None,
                warning,
            });
        }
        let found = self.remembered(&format!("python{version}"), || {
            self.look_for_python(version)
        })?;
        Ok(Interpreter {
            program: found.program,
            arguments,
            site_packages: venv.as_deref().and_then(site_packages),
            warning: found.warning,
        })
    }

    fn node(&self, major: u32, store: &CodeStore) -> Result<Interpreter, RuntimeError> {
        let bootstrap = store.runtime_file("index.mjs", NODE_BOOTSTRAP)?;
        let found = self.remembered(&format!("nodejs{major}.x"), || self.look_for_node(major))?;
        Ok(Interpreter {
            program: found.program,
            arguments: vec![bootstrap],
            site_packages: None,
            warning: found.warning,
        })
    }

    fn remembered(
        &self,
        runtime: &str,
        look: impl FnOnce() -> Result<Found, RuntimeError>,
    ) -> Result<Found, RuntimeError> {
        // Held while looking: twenty functions that start at once look once.
        let mut all = self.found.lock();
        if let Some(found) = all.get(runtime) {
            return Ok(found.clone());
        }
        let found = look()?;
        all.insert(runtime.to_owned(), found.clone());
        Ok(found)
    }

    /// Every `python3.N` on PATH by its distance, and `python3` last.
    fn look_for_python(&self, version: &str) -> Result<Found, RuntimeError> {
        let minor = |version: &str| {
            version
                .strip_prefix("3.")
                .and_then(|n| n.parse::<u32>().ok())
        };
        let wanted = minor(version).unwrap_or_default();
        let mut candidates: Vec<(u32, PathBuf)> = Vec::new();
        for program in self.programs(|name| name.starts_with("python3")) {
            let name = program
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            match minor(name.trim_start_matches("python")) {
                Some(minor) => candidates.push((minor.abs_diff(wanted), program)),
                None if name == "python3" => candidates.push((u32::MAX, program)),
                None => {}
            }
        }
        candidates.sort_by_key(|(distance, _)| *distance);
        // A version manager's shim may be there for a version that is not.
        let script = "import sys; print(sys.executable); print('%d.%d' % sys.version_info[:2])";
        candidates
            .into_iter()
            .find_map(|(_, program)| self.ask(&program, &["-I", "-c", script]))
            .map(|(program, found)| Found {
                warning: (found != version).then(|| {
                    format!("python{version} is not on PATH, python{found} runs it instead")
                }),
                program,
            })
            .ok_or_else(|| RuntimeError::NotInstalled {
                runtime: format!("python{version}"),
                program: format!("python{version}"),
            })
    }

    fn look_for_node(&self, major: u32) -> Result<Found, RuntimeError> {
        let script = "console.log(process.execPath);console.log(process.versions.node)";
        let found = self
            .programs(|name| name == "node" || name == "nodejs")
            .into_iter()
            .filter_map(|program| self.ask(&program, &["-e", script]))
            .filter_map(|(program, version)| {
                let found: u32 = version.split('.').next()?.parse().ok()?;
                Some((found.abs_diff(major), found, program))
            })
            .min_by_key(|(distance, ..)| *distance);
        let (_, found, program) = found.ok_or_else(|| RuntimeError::NotInstalled {
            runtime: format!("nodejs{major}.x"),
            program: format!("Node.js {major}"),
        })?;
        Ok(Found {
            warning: (found != major).then(|| {
                format!("Node.js {major} is not on PATH, Node.js {found} runs it instead")
            }),
            program,
        })
    }

    /// All executables on PATH with such a name, in order.
    fn programs(&self, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let path = self
            .environment
            .get("PATH")
            .map_or(DEFAULT_PATH, String::as_str);
        let mut programs: Vec<PathBuf> = std::env::split_paths(path)
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flat_map(|entries| {
                let mut names: Vec<PathBuf> = entries
                    .filter_map(Result::ok)
                    .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
                    .map(|entry| entry.path())
                    .collect();
                names.sort();
                names
            })
            .filter(|program| is_executable(program))
            .collect();
        programs.dedup();
        programs
    }

    /// Runs an interpreter to learn where it really is and its version.
    fn ask(&self, program: &Path, arguments: &[&str]) -> Option<(PathBuf, String)> {
        let known = ["PATH", "HOME"].map(|name| (name, self.environment.get(name)));
        let output = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(
                known
                    .into_iter()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (program, version) = text.trim().split_once('\n')?;
        Some((program.into(), version.to_owned()))
    }
}

fn provided(code: &Prepared) -> Result<Interpreter, RuntimeError> {
    let places = std::iter::once(&code.root).chain(&code.layers);
    let program = places
        .map(|folder| folder.join("bootstrap"))
        .find(|program| is_executable(program))
        .ok_or_else(|| RuntimeError::NoBootstrap(code.root.join("bootstrap")))?;
    Ok(Interpreter {
        program,
        arguments: Vec::new(),
        site_packages: None,
        warning: None,
    })
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// `3.N` from `pyvenv.cfg`.
fn venv_version(venv: &Path) -> Option<String> {
    let text = fs::read_to_string(venv.join("pyvenv.cfg")).ok()?;
    let version = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        key.trim().starts_with("version").then(|| value.trim())
    })?;
    let mut parts = version.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

fn site_packages(venv: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(venv.join("lib")).ok()?;
    versions
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("site-packages"))
        .find(|folder| folder.is_dir())
}
