//! The stack that a template is loaded as, and its pseudo parameters.

use super::{Configured, ValuesFrom, document::Value, ids};

/// Where and as what the template is loaded.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) account_id: String,
    pub(super) configured: Configured,
    pub(super) values_from: ValuesFrom,
}

impl Stack {
    /// The pseudo parameters, `AWS::NoValue` included, which is no value but its absence.
    pub(super) const PSEUDO_PARAMETERS: [&str; 8] = [
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    ];

    /// The value of a pseudo parameter.
    pub(super) fn pseudo_parameter(&self, name: &str) -> Option<Value> {
        let text = match name {
            "AWS::AccountId" => self.account_id.clone(),
            "AWS::NotificationARNs" => return Some(Value::List(Vec::new())),
            "AWS::Partition" => self.partition().to_owned(),
            "AWS::Region" => self.region.clone(),
            "AWS::StackId" => format!(
                "{}/{}",
                self.arn("cloudformation", &format!("stack/{}", self.name)),
                ids::derived_uuid(&self.name)
            ),
            "AWS::StackName" => self.name.clone(),
            "AWS::URLSuffix" => self.url_suffix().to_owned(),
            _ => return None,
        };
        Some(Value::String(text))
    }

    /// `AWS::Partition` of the region.
    pub(super) fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// `AWS::URLSuffix` of the region.
    pub(super) fn url_suffix(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "amazonaws.com.cn"
        } else {
            "amazonaws.com"
        }
    }

    /// `arn:{partition}:{service}:{region}:{account}:{resource}`.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let (partition, region, account) = (self.partition(), &self.region, &self.account_id);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The name of a resource that its template does not name.
    pub(super) fn default_name(&self, logical_id: &str) -> String {
        format!("{}-{logical_id}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_and_suffix_follow_the_region() {
        let mut stack = Stack {
            name: "chat".into(),
            region: "us-east-1".into(),
            account_id: "000000000000".into(),
            configured: Configured::default(),
            values_from: ValuesFrom::Flags,
        };
        assert_eq!(
            stack.arn("lambda", "function:f"),
            "arn:aws:lambda:us-east-1:000000000000:function:f"
        );
        stack.region = "cn-north-1".into();
        assert_eq!(
            stack.pseudo_parameter("AWS::URLSuffix"),
            Some(Value::String("amazonaws.com.cn".into()))
        );
        assert_eq!(stack.partition(), "aws-cn");
    }
}
