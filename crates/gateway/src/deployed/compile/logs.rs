//! What the execution logs tell, by stage and route (control-and-observability spec A.1).

use gatepost_model::stage::{LoggingLevel, RouteSettings, Stage};

use crate::deployed::LogSettings;

/// The settings of a route: its own, where it has any, else those of the stage, as where no route
/// is selected; `default` is the level where neither sets one.
pub(super) fn log_settings(
    stage: &Stage,
    route_key: Option<&str>,
    default: LoggingLevel,
) -> LogSettings {
    let of_stage = of(&stage.default_route_settings, default);
    match route_key.and_then(|route_key| stage.route_settings.get(route_key)) {
        Some(settings) => of(settings, of_stage.logging_level),
        None => of_stage,
    }
}

fn of(settings: &RouteSettings, default: LoggingLevel) -> LogSettings {
    LogSettings {
        logging_level: settings.logging_level.unwrap_or(default),
        data_trace: settings.data_trace_enabled,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_route_has_its_own_settings_else_those_of_the_stage_else_the_default() {
        let settings = |logging_level, data_trace_enabled| RouteSettings {
            logging_level,
            data_trace_enabled,
            ..RouteSettings::default()
        };
        let stage = Stage {
            stage_name: "prod".into(),
            deployment_id: None,
            auto_deploy: false,
            description: None,
            stage_variables: BTreeMap::new(),
            default_route_settings: settings(Some(LoggingLevel::Error), true),
            route_settings: BTreeMap::from([
                ("loud".to_owned(), settings(Some(LoggingLevel::Info), true)),
                ("other".to_owned(), settings(None, false)),
            ]),
            access_log_settings: None,
            client_certificate_id: None,
            tags: BTreeMap::new(),
            created_at_ms: 0,
            last_updated_at_ms: 0,
        };
        let of_route = |route_key| {
            let settings = log_settings(&stage, Some(route_key), LoggingLevel::Off);
            (settings.logging_level, settings.data_trace)
        };
        assert_eq!(of_route("loud"), (LoggingLevel::Info, true));
        assert_eq!(of_route("other"), (LoggingLevel::Error, false));
        assert_eq!(of_route("unnamed"), (LoggingLevel::Error, true));
        let unset = Stage {
            default_route_settings: RouteSettings::default(),
            ..stage.clone()
        };
        assert_eq!(
            log_settings(&unset, None, LoggingLevel::Info).logging_level,
            LoggingLevel::Info
        );
    }
}
