//! On the command line: parameters by `--set`, YAML or JSON by `--layout`, and a map beside what has no comments.

use serde_json::Value;

use super::template;
use crate::cli::Cli;

const SPEC: &str = "wsgen: 1\nlisteners: { secure: { port: 443, tls: { certificates: [site] } } }\n\
    certificates: { site: { hosts: [a.example], cert: /a, key: /b } }\nupstreams: { app: { servers: [10.0.0.1:80] } }\n\
    routes: [{ name: a, host: a.example, upstream: app }]\n";

fn default(template: &Value, parameter: &str) -> Value {
    template["Parameters"][parameter]["Default"].clone()
}

#[test]
fn parameters_are_set_by_the_call() {
    let arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1";
    let done = Cli::new(
        "render spec.yaml --target alb --set alb.vpc=vpc-0a1b2c3d --set alb.scheme=internal",
    )
    .arg("--set")
    .arg("alb.subnets=subnet-0a1b2c3d,subnet-1a2b3c4d")
    .arg("--set")
    .arg(format!("alb.certificates.site={arn}"))
    .file("spec.yaml", SPEC)
    .run()
    .status(0);
    let template = template(&done.stdout);
    assert_eq!(default(&template, "VpcId"), "vpc-0a1b2c3d");
    assert_eq!(
        default(&template, "SubnetIds"),
        "subnet-0a1b2c3d,subnet-1a2b3c4d"
    );
    assert_eq!(default(&template, "SiteCertificateArn"), arn);
    assert_eq!(
        template["Resources"]["LoadBalancer"]["Properties"]["Scheme"],
        "internal"
    );
    Cli::new("render spec.yaml --target alb --set alb.vpc=mine")
        .file("spec.yaml", SPEC)
        .run()
        .status(1)
        .stderr_has("`mine` is no id of a VPC");
}

#[test]
fn the_layout_chooses_the_language() {
    let done = Cli::new("render spec.yaml --target alb --layout json --annotate --out out")
        .file("spec.yaml", SPEC)
        .run()
        .status(0)
        .stderr_has("wrote out/alb.json")
        .stderr_has("wrote out/alb.json.map");
    assert!(serde_json::from_str::<Value>(&done.file("out/alb.json")).is_ok());
    assert!(done.file("out/alb.json.map").contains("spec.yaml:5"));
    let yaml = Cli::new("render spec.yaml --target alb --annotate")
        .file("spec.yaml", SPEC)
        .run()
        .status(0);
    assert!(yaml.stdout.contains("# spec.yaml:5"), "{}", yaml.stdout);
    let part = Cli::new("render spec.yaml --target alb --layout include")
        .file("spec.yaml", SPEC)
        .run()
        .status(0);
    assert!(
        part.stdout.contains("#   VpcId") && !part.stdout.contains("\nResources:"),
        "{}",
        part.stdout
    );
    // A platform is named: few specs are written for one.
    Cli::new("render spec.yaml --target all,alb --out out")
        .file("spec.yaml", SPEC)
        .run()
        .status(0)
        .stderr_has("wrote out/alb/alb.yaml");
    let all = Cli::new("render spec.yaml --target all --out out")
        .file("spec.yaml", SPEC)
        .run()
        .status(0);
    assert!(!all.stderr.contains("alb"), "{}", all.stderr);
}
