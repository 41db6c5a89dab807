//! How much calls may give an API.

use std::io::{self, Write};

use gatepost_model::{
    api::ApiDefinition,
    limits::{DEFINITION_BYTES, RESOURCES_OF_A_KIND},
};

use super::rescue::{ControlPlaneError, bad_request};

/// What a definition holds.
pub(super) struct Extent {
    /// How many there are of each kind.
    numbers: [(&'static str, usize); 5],
    /// Its size as JSON.
    bytes: usize,
}

impl Extent {
    pub(super) fn of(definition: &ApiDefinition) -> Self {
        let integrations = definition.integrations.iter();
        let responses = integrations.map(|integration| integration.integration_responses.len());
        let mut size = Size(0);
        // Neither the definition nor what counts its bytes can fail.
        let _counted = serde_json::to_writer(&mut size, definition);
        Self {
            numbers: [
                ("Routes", definition.routes.len()),
                ("Integrations", definition.integrations.len()),
                ("Integration Responses", responses.sum()),
                ("Authorizers", definition.authorizers.len()),
                ("Models", definition.models.len()),
            ],
            bytes: size.0,
        }
    }

    /// That a definition does not grow beyond what it may have; what it has already may stay.
    pub(super) fn may_become(&self, after: &Self) -> Result<(), ControlPlaneError> {
        let mut numbers = self.numbers.iter().zip(&after.numbers);
        if let Some((_, (kind, _))) =
            numbers.find(|(before, after)| after.1 > RESOURCES_OF_A_KIND.max(before.1))
        {
            return Err(bad_request(format!(
                "Maximum number of {kind} for this API has been reached: there are \
                 {RESOURCES_OF_A_KIND}"
            )));
        }
        if after.bytes > DEFINITION_BYTES.max(self.bytes) {
            return Err(bad_request(format!(
                "The API would be larger than {DEFINITION_BYTES} bytes, all of its routes, \
                 integrations, authorizers and models together"
            )));
        }
        Ok(())
    }
}

/// Counts what is written.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(models: usize, bytes: usize) -> Extent {
        let kinds = [
            "Routes",
            "Integrations",
            "Integration Responses",
            "Authorizers",
        ];
        let [routes, integrations, responses, authorizers] = kinds.map(|kind| (kind, 0));
        Extent {
            numbers: [
                routes,
                integrations,
                responses,
                authorizers,
                ("Models", models),
            ],
            bytes,
        }
    }

    fn refused(before: &Extent, after: &Extent) -> Option<String> {
        before
            .may_become(after)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn what_grows_too_large_is_refused_and_what_is_there_may_stay() {
        let full = extent(1000, 16_777_216);
        assert_eq!(refused(&extent(999, 0), &full), None);
        assert_eq!(
            refused(&full, &extent(1001, 0)).unwrap(),
            "Maximum number of Models for this API has been reached: there are 1000"
        );
        assert_eq!(
            refused(&full, &extent(0, 16_777_217)).unwrap(),
            "The API would be larger than 16777216 bytes, all of its routes, integrations, \
             authorizers and models together"
        );
        // Of a time when more was allowed.
        assert_eq!(
            refused(&extent(2000, 20_000_000), &extent(2000, 20_000_000)),
            None
        );
        assert_eq!(
            refused(&extent(2000, 20_000_000), &extent(1999, 19_999_999)),
            None
        );
    }
}
