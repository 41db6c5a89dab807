use std::time::Duration;

use gatepost_model::usage_plan::QuotaPeriod;

use super::*;
use crate::store::Retention;

const VALUE: &str = "0123456789abcdefghij";

fn store() -> (tempfile::TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    (folder, store)
}

fn open(folder: &tempfile::TempDir) -> Arc<Store> {
    let retention = Retention {
        max_tombstones: 1,
        tombstone_age: Duration::from_secs(1),
        log_age: Duration::from_secs(3600),
        max_bytes: 1 << 30,
    };
    Store::open(&folder.path().join("store.sqlite"), retention).unwrap()
}

fn key(id: &str, value: Option<&str>) -> ApiKey {
    ApiKey {
        api_key_id: id.into(),
        name: id.to_owned(),
        description: None,
        customer_id: None,
        enabled: true,
        value: value.map(Secret::new),
        tags: BTreeMap::new(),
        created_at_ms: 0,
        last_updated_at_ms: 0,
    }
}

/// A plan of the stages `api/one` and `api/two` with both keys; `send` of the first stage has a
/// burst of its own.
fn plans(plan_burst: u32) -> UsagePlans {
    let burst = |burst_limit| ThrottleSettings {
        rate_limit: Some(0.0),
        burst_limit: Some(burst_limit),
    };
    let stage = |name: &str, throttle| ApiStage {
        api_id: "api".into(),
        stage: name.into(),
        throttle,
    };
    UsagePlans {
        api_keys: vec![key("given", Some(VALUE)), key("made", None)],
        usage_plans: vec![UsagePlan {
            usage_plan_id: "plan".into(),
            name: "plan".to_owned(),
            description: None,
            api_stages: vec![
                stage("one", [("send".to_owned(), burst(1))].into()),
                stage("two", BTreeMap::new()),
            ],
            throttle: Some(burst(plan_burst)),
            quota: Some(quota()),
            tags: BTreeMap::new(),
            api_key_ids: vec!["given".into(), "made".into()],
        }],
    }
}

fn quota() -> QuotaSettings {
    QuotaSettings {
        limit: 5,
        offset: 0,
        period: QuotaPeriod::Day,
    }
}

/// How many of ten requests a key may make on a route.
fn passed(served: &ServedPlans, key: &str, stage: &str, route: &str) -> usize {
    let (api, stage) = ("api".into(), stage.into());
    let membership = served.by_id[key].membership_for(&api, &stage).unwrap();
    let bucket = membership.throttle_on(&api, &stage, route).unwrap();
    (0..10).filter(|_| bucket.take(Duration::ZERO)).count()
}

#[test]
fn a_key_is_found_by_its_value_and_by_its_id() {
    let (_folder, store) = store();
    let served = ServedPlans::new(plans(3), &ServedPlans::default(), &store);
    assert_eq!(
        served.key_of_value(VALUE).unwrap().api_key_id.as_str(),
        "given"
    );
    assert_eq!(served.key_of_id("given").unwrap().value.reveal(), VALUE);
    assert!(served.key_of_value("0123456789abcdefghiJ").is_none());
    assert!(served.key_of_value("").is_none());
}

#[test]
fn a_value_that_is_not_given_is_made_and_the_same_after_a_restart() {
    let (folder, store) = store();
    let made = |store: &Store| {
        let served = ServedPlans::new(plans(3), &ServedPlans::default(), store);
        let value = served.key_of_id("made").unwrap().value.clone();
        assert!(served.key_of_value(value.reveal()).is_some());
        assert_eq!(
            served.plans().api_key("made").unwrap().value,
            Some(value.clone())
        );
        value
    };
    let first = made(&store);
    assert_eq!(first.reveal().len(), 40);
    drop(store);
    assert_eq!(made(&open(&folder)), first);
    let (_folder, other) = self::store();
    assert_ne!(made(&other), first);
}

#[test]
fn each_key_has_buckets_of_its_own_and_a_route_its_own_in_place_of_the_plans() {
    let (_folder, store) = store();
    let served = ServedPlans::new(plans(3), &ServedPlans::default(), &store);
    assert_eq!(passed(&served, "given", "one", "send"), 1);
    assert_eq!(passed(&served, "given", "one", "other"), 3);
    // The plan's is one for all its stages.
    assert_eq!(passed(&served, "given", "two", "other"), 0);
    assert_eq!(passed(&served, "made", "one", "send"), 1);
    assert_eq!(passed(&served, "made", "two", "send"), 3);
}

#[test]
fn what_was_taken_stays_taken_when_the_plans_are_served_again() {
    let (_folder, store) = store();
    let before = ServedPlans::new(plans(3), &ServedPlans::default(), &store);
    assert_eq!(passed(&before, "given", "one", "send"), 1);
    assert_eq!(passed(&before, "given", "two", "x"), 3);
    let same = ServedPlans::new(plans(3), &before, &store);
    assert_eq!(passed(&same, "given", "one", "send"), 0);
    assert_eq!(passed(&same, "given", "two", "x"), 0);
    let more = ServedPlans::new(plans(5), &same, &store);
    assert_eq!(passed(&more, "given", "two", "x"), 2);
}

#[test]
fn what_was_used_of_a_quota_survives_a_restart() {
    let (folder, store) = store();
    let today = Day::of_epoch_ms(clock::now_ms());
    let count = |served: &ServedPlans| {
        let key = served.key_of_id("given").unwrap();
        let membership = key.membership_for(&"api".into(), &"two".into()).unwrap();
        membership.meter.count(membership.quota.unwrap(), today)
    };
    let served = ServedPlans::new(plans(3), &ServedPlans::default(), &store);
    assert!(count(&served) && count(&served));
    served.record_usage(&store);
    store.flush();
    drop(store);
    let store = open(&folder);
    let served = ServedPlans::new(plans(3), &ServedPlans::default(), &store);
    let usage = |key: &str| served.usage(&"plan".into(), &key.into()).by_day;
    assert_eq!(usage("given"), [(today, 2)].into());
    assert_eq!(usage("made"), BTreeMap::new());
    assert_eq!((0..10).filter(|_| count(&served)).count(), 3);
}
