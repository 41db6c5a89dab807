//! What WebSocket APIs need of `apigateway` (API version 2015-07-09), API keys, usage plans, client
//! certificates, VPC links and the account (control-and-observability spec D.7).

mod account;
mod api_key;
mod change_api_key;
mod change_client_certificate;
mod change_usage_plan;
mod client_certificate;
mod page;
mod patch;
mod tags;
mod usage;
mod usage_plan;
mod vpc_link;

use gatepost_gateway::gateway::Gateway;
use gatepost_model::usage_plan::UsagePlans;
use serde_json::Value;

use self::page::Page;
use super::{
    ControlPlane,
    rescue::ControlPlaneError,
    uri,
    vpc_link::{self as vpc_links, Kind},
};
use crate::shapes::{Input, apigateway::Operation};

/// Makes a change of API keys, usage plans, client certificates, VPC links or the account.
pub(super) fn change(
    operation: Operation,
    gateway: &Gateway,
    input: &Input<'_>,
) -> Result<Value, ControlPlaneError> {
    match operation {
        Operation::CreateApiKey => change_api_key::create(gateway, input.read()?),
        Operation::UpdateApiKey => change_api_key::update(gateway, input.read()?),
        Operation::DeleteApiKey => change_api_key::delete(gateway, &input.read()?),
        Operation::CreateUsagePlan => change_usage_plan::create(gateway, input.read()?),
        Operation::UpdateUsagePlan => change_usage_plan::update(gateway, input.read()?),
        Operation::DeleteUsagePlan => change_usage_plan::delete(gateway, &input.read()?),
        Operation::CreateUsagePlanKey => change_usage_plan::add_key(gateway, &input.read()?),
        Operation::DeleteUsagePlanKey => change_usage_plan::remove_key(gateway, &input.read()?),
        Operation::CreateVpcLink => vpc_link::create(gateway, input.read()?),
        Operation::UpdateVpcLink => vpc_link::update(gateway, input.read()?),
        Operation::DeleteVpcLink => vpc_link::delete(gateway, &input.read()?),
        Operation::UpdateUsage => usage::update(gateway, input.read()?),
        Operation::GenerateClientCertificate => {
            change_client_certificate::generate(gateway, input.read()?)
        }
        Operation::UpdateClientCertificate => {
            change_client_certificate::update(gateway, input.read()?)
        }
        Operation::DeleteClientCertificate => {
            change_client_certificate::delete(gateway, &input.read()?)
        }
        Operation::TagResource => tags::tag(gateway, input.read()?),
        Operation::UntagResource => tags::untag(gateway, &input.read()?),
        Operation::UpdateAccount => account::update(gateway, input.read()?),
    }
}

impl ControlPlane<'_> {
    /// The operations, by path; `None` when that reads nothing of these.
    pub(super) fn read_v1(
        &self,
        resource: &[&str],
        query: &str,
    ) -> Option<Result<Value, ControlPlaneError>> {
        let answer = match *resource {
            ["account"] => Ok(account::body(
                self.account_throttle,
                self.cloudwatch_role_arn,
            )),
            ["apikeys"] => self.get_api_keys(query),
            ["apikeys", id] => self.get_api_key(id, query),
            ["clientcertificates"] => self.get_client_certificates(query),
            ["clientcertificates", id] => {
                client_certificate::find(self.client_certificates, id).map(client_certificate::body)
            }
            ["vpclinks"] => self.get_vpc_links(query),
            ["vpclinks", id] => {
                let made = self.vpc_links.made();
                vpc_links::find(&made, Kind::V1, id)
                    .map(|link| vpc_link::body(self.vpc_links, link))
            }
            ["tags", arn] => tags::body(self, arn),
            ["usageplans"] => self.get_usage_plans(query),
            ["usageplans", id] => usage_plan::find(self.plans(), id).map(usage_plan::body),
            ["usageplans", id, "keys"] => self.get_usage_plan_keys(id, query),
            ["usageplans", id, "keys", key_id] => self.get_usage_plan_key(id, key_id),
            ["usageplans", id, "usage"] => self.get_usage(id, query),
            _ => return None,
        };
        Some(answer)
    }

    fn get_api_keys(&self, query: &str) -> Result<Value, ControlPlaneError> {
        let with_value = flag(query, "includeValues")?;
        let name = uri::parameter(query, "name")?;
        let customer = uri::parameter(query, "customerId")?;
        let keys = self.plans().api_keys.iter().filter(|key| {
            let is_named = name
                .as_deref()
                .is_none_or(|name| key.name.starts_with(name));
            is_named && (customer.is_none() || customer.as_deref() == key.customer_id.as_deref())
        });
        let body = |key: &_| api_key::body(key, with_value);
        Ok(Page::parse(query)?.list(keys, api_key::id, body))
    }

    fn get_api_key(&self, id: &str, query: &str) -> Result<Value, ControlPlaneError> {
        let with_value = flag(query, "includeValue")?;
        api_key::find(self.plans(), id).map(|key| api_key::body(key, with_value))
    }

    fn get_client_certificates(&self, query: &str) -> Result<Value, ControlPlaneError> {
        let certificates = self.client_certificates.iter();
        let (id, body) = (client_certificate::id, client_certificate::body);
        Ok(Page::parse(query)?.list(certificates, id, body))
    }

    fn get_vpc_links(&self, query: &str) -> Result<Value, ControlPlaneError> {
        let made = self.vpc_links.made();
        let made = made.iter().filter(|link| Kind::of(link) == Kind::V1);
        let body = |link: &_| vpc_link::body(self.vpc_links, link);
        Ok(Page::parse(query)?.list(made, vpc_links::id, body))
    }

    fn get_usage_plans(&self, query: &str) -> Result<Value, ControlPlaneError> {
        let key = uri::parameter(query, "keyId")?;
        let plans = self.plans().usage_plans.iter().filter(|plan| {
            let mut keys = plan.api_key_ids.iter();
            key.as_deref()
                .is_none_or(|key| keys.any(|id| id.as_str() == key))
        });
        Ok(Page::parse(query)?.list(plans, usage_plan::id, usage_plan::body))
    }

    fn get_usage_plan_keys(&self, id: &str, query: &str) -> Result<Value, ControlPlaneError> {
        let plan = usage_plan::find(self.plans(), id)?;
        let name = uri::parameter(query, "name")?;
        let keys = plan.api_key_ids.iter();
        let keys = keys
            .filter_map(|id| self.plans().api_key(id.as_str()))
            .filter(|key| {
                name.as_deref()
                    .is_none_or(|name| key.name.starts_with(name))
            });
        Ok(Page::parse(query)?.list(keys, api_key::id, api_key::usage_plan_key_body))
    }

    fn get_usage_plan_key(&self, id: &str, key_id: &str) -> Result<Value, ControlPlaneError> {
        let plan = usage_plan::find(self.plans(), id)?;
        let key = api_key::find(self.plans(), key_id)?;
        if plan.api_key_ids.contains(&key.api_key_id) {
            Ok(api_key::usage_plan_key_body(key))
        } else {
            Err(api_key::not_found())
        }
    }

    fn get_usage(&self, id: &str, query: &str) -> Result<Value, ControlPlaneError> {
        let plan = usage_plan::find(self.plans(), id)?;
        let days = usage::Days::parse(query)?;
        let key = uri::parameter(query, "keyId")?;
        if let Some(key) = &key {
            api_key::find(self.plans(), key)?;
        }
        let keys = plan
            .api_key_ids
            .iter()
            .filter(|id| key.as_deref().is_none_or(|key| id.as_str() == key));
        let page = Page::parse(query)?;
        Ok(usage::body(plan, keys, &days, &page, self.usage_plans))
    }

    fn plans(&self) -> &UsagePlans {
        self.usage_plans.plans()
    }
}

/// A parameter that is `true` or `false`, which is the default.
fn flag(query: &str, name: &str) -> Result<bool, ControlPlaneError> {
    Ok(uri::parameter(query, name)?.as_deref() == Some("true"))
}
