//! What the execution logs tell, by stage and route (control-and-observability spec A.1), and the
//! access log of a stage (B).

use std::sync::Arc;

use gatepost_model::stage::{LoggingLevel, Stage};
use gatepost_wire::access_log::{AccessLogFormat, log_group_of_arn};

use super::CompileError;
use crate::{deployed::LogSettings, observe::AccessLog};

/// The settings of a route: its own, where it has any, else those of the stage, as where no route
/// is selected; `default` is the level where neither sets one.
pub(super) fn log_settings(
    stage: &Stage,
    route_key: Option<&str>,
    default: LoggingLevel,
    access_log: Option<&Arc<AccessLog>>,
) -> LogSettings {
    let of_stage = &stage.default_route_settings;
    let of_route = route_key.and_then(|route_key| stage.route_settings.get(route_key));
    let level = of_route.and_then(|settings| settings.logging_level);
    LogSettings {
        logging_level: level.or(of_stage.logging_level).unwrap_or(default),
        data_trace: of_route.unwrap_or(of_stage).data_trace_enabled,
        access_log: access_log.cloned(),
    }
}

/// The access log of a stage.
pub(super) fn access_log(stage: &Stage) -> Result<Option<Arc<AccessLog>>, CompileError> {
    let Some(settings) = &stage.access_log_settings else {
        return Ok(None);
    };
    let invalid = |what: String| CompileError::new(format!("stage {}", stage.stage_name), what);
    let log_group = log_group_of_arn(&settings.destination_arn);
    let format = AccessLogFormat::parse(&settings.format);
    Ok(Some(Arc::new(AccessLog {
        log_group: log_group
            .map_err(|error| invalid(error.to_string()))?
            .into(),
        format: format.map_err(|error| invalid(error.to_string()))?,
    })))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gatepost_model::stage::RouteSettings;

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
            last_deployment_status_message: None,
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
            let settings = log_settings(&stage, Some(route_key), LoggingLevel::Off, None);
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
            log_settings(&unset, None, LoggingLevel::Info, None).logging_level,
            LoggingLevel::Info
        );
    }
}
