//! A folder with a template and the files that it names, loaded as `gatepost dev` loads it.

use std::{collections::BTreeMap, path::PathBuf};

use gatepost_model::api::Api;
use gatepost_server::endpoint::Endpoint;
use gatepost_server::template::{App, Configured, LoadOptions, TemplateErrors, ValuesFrom, load};

pub struct Project {
    folder: tempfile::TempDir,
    pub options: LoadOptions,
}

impl Project {
    /// A project of these files, each of the given content.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let options = LoadOptions {
            region: "us-east-1".into(),
            account_id: "000000000000".into(),
            stack_name: Some("chat".into()),
            parameters: BTreeMap::new(),
            values_from: ValuesFrom::Flags,
            import_values: BTreeMap::new(),
            now_ms: 1_790_294_508_123,
            endpoint: Endpoint::plain("localhost:4100"),
            configured: Configured::default(),
        };
        Self { folder, options }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn load(&self, template: &str) -> Result<App, TemplateErrors> {
        load(&self.path(template), &self.options)
    }

    /// Text in which the folder's own path is left out.
    pub fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// The app; fails with what is wrong in its template.
pub fn loaded(project: &Project, template: &str) -> App {
    project
        .load(template)
        .unwrap_or_else(|errors| panic!("{}", project.relative(&errors.to_string())))
}

/// The app's warnings, line by line.
pub fn warnings(project: &Project, app: &App) -> Vec<String> {
    let warnings = app.warnings.iter();
    warnings
        .map(|warning| project.relative(&warning.to_string()))
        .collect()
}

/// The keys of an API's routes.
pub fn route_keys(api: &Api) -> Vec<&str> {
    api.definition
        .routes
        .iter()
        .map(|route| route.route_key.as_str())
        .collect()
}
