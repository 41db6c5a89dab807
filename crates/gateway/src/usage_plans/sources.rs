//! Where API keys and usage plans come from: a template declares them, or calls make them. What a
//! template declares is changed there alone.

use gatepost_model::usage_plan::UsagePlans;

use crate::{gateway::Gateway, store::ReadError};

/// What calls made; the store keeps it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// The keys and plans. A plan's keys may be a template's.
    pub plans: UsagePlans,
    /// `cloudwatchRoleArn` of the account.
    pub cloudwatch_role_arn: Option<String>,
}

/// Both.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) declared: UsagePlans,
    pub(crate) made: Made,
}

impl Sources {
    /// All keys and plans. Of two keys with one value, the template's counts.
    fn all(&self) -> UsagePlans {
        let (made, declared) = (&self.made.plans, &self.declared);
        UsagePlans {
            api_keys: [&*made.api_keys, &declared.api_keys].concat(),
            usage_plans: [&*made.usage_plans, &declared.usage_plans].concat(),
        }
    }
}

/// A change as it is made: what calls made, which it changes, beside what stands.
#[derive(Debug)]
pub struct Change<'a> {
    /// What calls made.
    pub made: &'a mut Made,
    /// What the template declares.
    pub declared: &'a UsagePlans,
}

impl Gateway {
    /// Serves these API keys and usage plans of the templates in place of the present ones, beside
    /// those that calls made. What their keys used stays used.
    pub fn serve_usage_plans(&self, declared: UsagePlans) {
        let mut sources = self.plan_sources.lock();
        sources.declared = declared;
        self.serve_plans(sources.all());
    }

    /// Changes what calls made: one change after the other, kept before it is served. A change that
    /// fails, or cannot be kept, changes nothing. Blocks.
    ///
    /// # Errors
    /// Those of `change`, and [`ReadError`] when the store does not take it.
    pub fn change_usage_plans<T, E: From<ReadError>>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut sources = self.plan_sources.lock();
        let mut made = sources.made.clone();
        let result = change(&mut Change {
            made: &mut made,
            declared: &sources.declared,
        })?;
        if made != sources.made {
            self.store().keep_usage_plans(&sources.made, &made)?;
            sources.made = made;
            self.serve_plans(sources.all());
        }
        Ok(result)
    }

    /// `cloudwatchRoleArn` of the account, if a call set it.
    pub fn cloudwatch_role_arn(&self) -> Option<String> {
        self.plan_sources.lock().made.cloudwatch_role_arn.clone()
    }
}
