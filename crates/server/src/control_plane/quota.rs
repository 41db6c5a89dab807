//! How much calls may give an API, and how many tags a resource.

use std::collections::BTreeMap;

use gatepost_gateway::control::json_bytes;
use gatepost_model::{
    api::ApiDefinition,
    limits::{DEFINITION_BYTES, RESOURCES_OF_A_KIND, TAGS},
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
        Self {
            numbers: [
                ("Routes", definition.routes.len()),
                ("Integrations", definition.integrations.len()),
                ("Integration Responses", responses.sum()),
                ("Authorizers", definition.authorizers.len()),
                ("Models", definition.models.len()),
            ],
            bytes: json_bytes(definition),
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

/// The tags of something new.
pub(super) fn tags(
    given: Option<BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, ControlPlaneError> {
    let mut tags = BTreeMap::new();
    add_tags(&mut tags, given.unwrap_or_default())?;
    Ok(tags)
}

/// Adds tags, or gives them other values. What has too many already gets no more.
pub(super) fn add_tags(
    tags: &mut BTreeMap<String, String>,
    given: BTreeMap<String, String>,
) -> Result<(), ControlPlaneError> {
    let before = tags.len();
    tags.extend(given);
    if tags.len() > TAGS.max(before) {
        return Err(bad_request(format!(
            "Maximum number of Tags for this resource has been reached: there may be {TAGS}"
        )));
    }
    Ok(())
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
    #[test]
    fn a_resource_has_fifty_tags_at_most() {
        let numbered = |numbers: std::ops::Range<u32>| {
            let tags = numbers.map(|number| (format!("key{number}"), number.to_string()));
            tags.collect::<BTreeMap<_, _>>()
        };
        assert_eq!(tags(Some(numbered(0..50))).unwrap().len(), 50);
        let too_many = "Maximum number of Tags for this resource has been reached: there may be 50";
        let refused = tags(Some(numbered(0..51))).unwrap_err();
        assert_eq!(refused.to_string(), too_many);
        let mut full = numbered(0..50);
        let refused = add_tags(&mut full.clone(), numbered(50..51)).unwrap_err();
        assert_eq!(refused.to_string(), too_many);
        add_tags(
            &mut full,
            BTreeMap::from([("key0".to_owned(), "other".to_owned())]),
        )
        .unwrap();
        assert_eq!(full["key0"], "other");
        // Of a time when more were allowed.
        add_tags(&mut numbered(0..60), numbered(0..1)).unwrap();
    }
}
