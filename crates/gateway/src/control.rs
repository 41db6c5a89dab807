//! What the control plane holds, and where it comes from: a template declares it, or calls made it.
//! What a template declares is changed there alone; what calls made is kept in the store before it is
//! served.

mod apis;
mod deployments;
#[cfg(test)]
mod tests;
mod vpc_links;

use std::{collections::BTreeMap, sync::Arc};

use gatepost_model::{
    ApiId, ApiKeyId, UsagePlanId, api::Api, calendar::Day, client_certificate::ClientCertificate,
    domain_name::DomainName, stage_settings::SettingsByStage, usage_plan::UsagePlans,
    vpc_link::VpcLink,
};

use crate::{
    gateway::{ApiTable, Gateway},
    integration::vpc_link::VpcLinks,
    store::ReadError,
};

pub use self::{apis::ApiChangeError, deployments::json_bytes};

/// What calls made beside APIs; the store keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// API keys and usage plans. A plan's keys may be a template's.
    pub plans: UsagePlans,
    /// `cloudwatchRoleArn` of the account.
    pub cloudwatch_role_arn: Option<String>,
    /// Custom domain names. Their mappings may lead to a template's APIs.
    pub domain_names: Vec<DomainName>,
    /// Client certificates, which stages may name.
    pub client_certificates: Vec<ClientCertificate>,
    /// VPC links, which integrations may name.
    pub vpc_links: Vec<VpcLink>,
}

/// What the templates declare.
#[derive(Debug, Default)]
pub struct Declared {
    /// API keys and usage plans.
    pub plans: UsagePlans,
    /// Custom domain names.
    pub domain_names: Vec<DomainName>,
}

/// Both, and how stages are served.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) declared: Declared,
    pub(crate) made: Made,
    /// The APIs that calls made.
    pub(crate) made_apis: BTreeMap<ApiId, Arc<Api>>,
    pub(crate) settings: SettingsByStage,
}

impl Sources {
    /// All keys and plans. Of two keys with one value, the template's counts.
    fn plans(&self) -> UsagePlans {
        let (made, declared) = (&self.made.plans, &self.declared.plans);
        UsagePlans {
            api_keys: [&*made.api_keys, &declared.api_keys].concat(),
            usage_plans: [&*made.usage_plans, &declared.usage_plans].concat(),
        }
    }

    /// All domain names. Of two of one name, the template's counts.
    pub(crate) fn domain_names(&self) -> Vec<DomainName> {
        let declared = &self.declared.domain_names;
        let is_declared = |made: &DomainName| {
            let mut names = declared.iter();
            names.any(|declared| declared.domain_name == made.domain_name)
        };
        let made = self.made.domain_names.iter();
        let made = made.filter(|made| !is_declared(made)).cloned();
        made.chain(declared.iter().cloned()).collect()
    }
}

/// A change as it is made: what calls made, which it changes, beside what stands.
#[derive(Debug)]
pub struct Change<'a> {
    /// What calls made.
    pub made: &'a mut Made,
    /// What the templates declare.
    pub declared: &'a Declared,
}

impl Gateway {
    /// Serves these API keys and usage plans of the templates in place of the present ones, beside
    /// those that calls made. What their keys used stays used.
    pub fn serve_usage_plans(&self, declared: UsagePlans) {
        let mut sources = self.sources.lock();
        sources.declared.plans = declared;
        self.serve_plans(sources.plans());
    }

    /// Changes what calls made: one change after the other, kept before it is served. A change that
    /// fails, or cannot be kept, changes nothing. Blocks.
    ///
    /// # Errors
    /// Those of `change`, and [`ReadError`] when the store does not take it.
    pub fn change<T, E: From<ReadError>>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut sources = self.sources.lock();
        let mut made = sources.made.clone();
        let result = change(&mut Change {
            made: &mut made,
            declared: &sources.declared,
        })?;
        if made != sources.made {
            self.store().keep_made(&sources.made, &made)?;
            let before = std::mem::replace(&mut sources.made, made);
            if before.plans != sources.made.plans {
                self.serve_plans(sources.plans());
            }
            if before.client_certificates != sources.made.client_certificates {
                let made = &sources.made.client_certificates;
                self.config.outward.client_certificates.replace_made(made);
            }
            if before.vpc_links != sources.made.vpc_links {
                self.serve_vpc_links(&before.vpc_links, &sources);
            }
            if before.cloudwatch_role_arn != sources.made.cloudwatch_role_arn {
                let role = sources.made.cloudwatch_role_arn.clone();
                self.cloudwatch_role_arn.store(role.map(Arc::new));
            }
            if before.domain_names != sources.made.domain_names {
                self.serve_apis(Arc::new(ApiTable {
                    apis: self.apis().apis.clone(),
                    domain_names: sources.domain_names(),
                }));
            }
        }
        Ok(result)
    }

    /// Lets a key make `remaining` requests until the present period of its plan's quota ends; `false`
    /// when the plan has no quota, or the key is not in it. Blocks until that is kept.
    ///
    /// # Errors
    /// [`ReadError`] when the store does not take it; then nothing changes.
    pub fn extend_quota(
        &self,
        plan: &UsagePlanId,
        key: &ApiKeyId,
        remaining: u32,
        today: Day,
    ) -> Result<bool, ReadError> {
        // One grant after the other, and none while plans change.
        let _sources = self.sources.lock();
        let plans = self.usage_plans();
        let keep = |extension| self.store().keep_extension(plan, key, extension);
        let granted = plans.extend(plan, key, remaining, today, keep);
        granted.transpose().map(|granted| granted.is_some())
    }

    /// The VPC links that calls made, and where they lead.
    pub fn vpc_links(&self) -> &VpcLinks {
        &self.config.outward.vpc_links
    }

    /// The client certificates that calls made.
    pub fn client_certificates(&self) -> Arc<Vec<ClientCertificate>> {
        self.config.outward.client_certificates.made()
    }

    /// `cloudwatchRoleArn` of the account, if a call set it.
    pub fn cloudwatch_role_arn(&self) -> Option<Arc<String>> {
        self.cloudwatch_role_arn.load_full()
    }
}
