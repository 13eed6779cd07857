//! What the room says in AWS's words: ids, ARNs, the name of a bucket.

use crate::diag::Report;
use crate::ir::{AlbRoom, Loc, Set};

/// Every fault.
pub(super) fn check(room: &AlbRoom, report: &mut Report) {
    if let Some(subnets) = &room.subnets
        && subnets.value.len() < 2
    {
        report
            .error("alb::subnets", subnets.loc())
            .says("a load balancer needs two subnets, in two zones")
            .help("name a second one, or leave `subnets` out: then it is a parameter");
    }
    if let Some(subnets) = &room.subnets
        && let Some(twice) = subnets
            .value
            .iter()
            .enumerate()
            .find_map(|(n, id)| subnets.value[..n].contains(id).then_some(id))
    {
        report
            .error("alb::subnets", subnets.loc())
            .says(format!(
                "the subnet `{}` is named twice",
                twice.escape_debug()
            ))
            .help("a load balancer has one subnet in each of its zones");
    }
    let ids = room
        .subnets
        .iter()
        .flat_map(|it| it.value.iter().map(|id| (id, it.loc())));
    for (id, at) in ids {
        named(report, id, at, "subnet-", "a subnet");
    }
    if let Some(vpc) = &room.vpc {
        named(report, &vpc.value, vpc.loc(), "vpc-", "a VPC");
    }
    for (name, arn) in &room.certificates {
        arn_of(
            report,
            arn,
            "acm",
            &format!("the certificate `{name}`"),
            "certificate/ID",
        );
    }
    for (name, arn) in &room.upstreams {
        arn_of(
            report,
            arn,
            "elasticloadbalancing",
            &format!("the target group of `{name}`"),
            "targetgroup/NAME/ID",
        );
    }
    if let Some(arn) = &room.trust_store {
        arn_of(
            report,
            arn,
            "elasticloadbalancing",
            "the trust store",
            "truststore/NAME/ID",
        );
    }
    if let Some(bucket) = &room.log_bucket {
        let fits = (3..=63).contains(&bucket.value.len())
            && bucket
                .value
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
        if !fits {
            report
                .error("alb::bucket", bucket.loc())
                .says(format!(
                    "`{}` is no name of a bucket",
                    bucket.value.escape_debug()
                ))
                .help("a name has 3 to 63 lower-case letters, digits, `-` and `.`");
        }
    }
}

/// An id of EC2. One that stands for another, such as `vpc-1`, is told: AWS looks for it at deployment.
fn named(report: &mut Report, id: &str, at: Loc, start: &str, what: &str) {
    let rest = id.strip_prefix(start).unwrap_or_default();
    let right = format!(
        "write it such as `{start}0a1b2c3d` (8 or 17 hexadecimal digits), or leave it out: then it is a parameter"
    );
    if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        report
            .error("alb::id", at)
            .says(format!("`{}` is no id of {what}", id.escape_debug()))
            .help(right);
    } else if !matches!(rest.len(), 8 | 17) || !rest.bytes().all(|b| b.is_ascii_hexdigit()) {
        report
            .warning("alb::id", at)
            .says(format!("AWS knows no id such as `{id}`"))
            .label("the default of a parameter, which a deployment has to override")
            .help(right);
    }
}

/// An ARN of a service; one that is not whole is told.
fn arn_of(report: &mut Report, arn: &Set<String>, service: &str, what: &str, resource: &str) {
    let text = arn.value.as_str();
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let fits = next() == "arn" && next().starts_with("aws") && next() == service;
    let right = format!(
        "write it such as `arn:aws:{service}:REGION:ACCOUNT:{resource}`, or leave it out: then it is a parameter"
    );
    if !fits || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        report
            .error("alb::arn", arn.loc())
            .says(format!("`{}` is no ARN of {what}", text.escape_debug()))
            .help(right);
        return;
    }
    let (region, account, rest) = (next(), next(), next());
    let kind = resource.split('/').next().unwrap_or_default();
    let whole = !region.is_empty()
        && account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && rest
            .strip_prefix(kind)
            .is_some_and(|it| it.starts_with('/'))
        && text.is_ascii();
    if !whole {
        report
            .warning("alb::arn", arn.loc())
            .says(format!(
                "`{}` is no whole ARN of {what}",
                text.escape_debug()
            ))
            .label("the default of a parameter, which a deployment has to override")
            .help(right);
    }
}
