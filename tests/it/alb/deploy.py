"""Deploys templates to a server that acts as AWS (moto), and says what it finds there.

Arguments: templates as JSON files. Standard output: for each the logical ids with what the server describes of them, in the
template's own words. What the server does not know is left out before: regexes, tokens, web ACLs. What it takes and forgets
(attributes, targets) goes through the calls that a person would make, so that its own checks see it.
"""

import copy
import json
import os
import sys

import boto3
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"
ELB = "AWS::ElasticLoadBalancingV2::"


def reduced(template):
    """The template without what the server does not know."""
    template = copy.deepcopy(template)
    resources = template["Resources"]
    for name in [n for n, r in resources.items() if r["Type"].startswith("AWS::WAFv2::")]:
        del resources[name]
    for name, resource in list(resources.items()):
        if resource["Type"] != ELB + "ListenerRule":
            continue
        properties = resource["Properties"]
        if "RegexValues" in json.dumps(properties["Conditions"]):
            del resources[name]
            continue
        properties["Actions"] = [a for a in properties["Actions"] if a["Type"] != "jwt-validation"]
        properties.pop("Transforms", None)
        for action in properties["Actions"]:
            action.pop("Order", None)
    # Trust stores and further certificates are not known either; the listener forgets who has to show a certificate.
    unknown = (ELB + "TrustStore", ELB + "ListenerCertificate")
    for name in [n for n, r in resources.items() if r["Type"] in unknown]:
        del resources[name]
    for resource in resources.values():
        resource.get("Properties", {}).pop("MutualAuthentication", None)
    used = json.dumps(resources)
    parameters = template.get("Parameters", {})
    template["Parameters"] = {n: p for n, p in parameters.items() if f'{{"Ref": "{n}"}}' in used}
    return template


def named(value, names):
    """The value with ARNs as references to logical ids."""
    if isinstance(value, dict):
        return {key: named(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [named(inner, names) for inner in value]
    if isinstance(value, str) and value in names:
        return {"Ref": names[value]}
    return value


def deploy(template, number, clients):
    ec2, acm, formation, elb = clients
    template = reduced(template)
    resources = template["Resources"]
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [s["SubnetId"] for s in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]]
    given = {}
    for at, name in enumerate(template["Parameters"]):
        if name == "VpcId":
            given[name] = vpc
        elif name == "SubnetIds":
            given[name] = ",".join(subnets[:2])
        elif name.endswith("CertificateArn"):
            given[name] = acm.request_certificate(DomainName=f"c{number}x{at}.example.com")["CertificateArn"]
        elif name.endswith("TargetGroupArn"):
            made = elb.create_target_group(Name=f"own{number}x{at}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
            given[name] = made["TargetGroups"][0]["TargetGroupArn"]
        elif name.endswith("Address"):
            given[name] = f"10.9.{number % 250}.{at + 1}"
        else:
            given[name] = name.lower()
    stack = f"stack{number}"
    formation.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    made = formation.describe_stack_resources(StackName=stack)["StackResources"]
    arns = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in made}
    names = {arn: name for name, arn in arns.items()}
    names.update({value: key for key, value in given.items()})
    missing = set(resources) - set(arns)
    if missing:
        raise SystemExit(f"not made: {sorted(missing)}")
    found = {}
    listeners = [arns[n] for n, r in resources.items() if r["Type"] == ELB + "Listener"]
    # Of a listener all at once: each call is a request.
    rules = {arn: elb.describe_rules(ListenerArn=arn)["Rules"] for arn in listeners}
    by_arn = {rule["RuleArn"]: rule for list_ in rules.values() for rule in list_}

    def value(node):
        if isinstance(node, dict) and set(node) == {"Ref"}:
            return given.get(node["Ref"], arns.get(node["Ref"]))
        return node

    for name, resource in resources.items():
        kind, properties = resource["Type"].removeprefix(ELB), resource.get("Properties", {})
        if kind == "LoadBalancer":
            balancer = elb.describe_load_balancers(LoadBalancerArns=[arns[name]])["LoadBalancers"][0]
            wanted = [{"Key": a["Key"], "Value": value(a["Value"])} for a in properties["LoadBalancerAttributes"]]
            # The server has no buckets, and looks for the one of the log.
            wanted = [a for a in wanted if not a["Key"].startswith("access_logs.")]
            elb.modify_load_balancer_attributes(LoadBalancerArn=arns[name], Attributes=wanted)
            kept = elb.describe_load_balancer_attributes(LoadBalancerArn=arns[name])["Attributes"]
            found[name] = {"Scheme": balancer["Scheme"], "Type": balancer["Type"], "attributes": kept}
        elif kind == "Listener":
            listener = elb.describe_listeners(ListenerArns=[arns[name]])["Listeners"][0]
            found[name] = {
                "Port": listener["Port"],
                "Protocol": listener["Protocol"],
                "SslPolicy": listener.get("SslPolicy"),
                "Certificates": listener.get("Certificates"),
                "DefaultActions": listener["DefaultActions"],
                "count": len([r for r in rules[arns[name]] if not r["IsDefault"]]),
            }
        elif kind == "ListenerRule":
            rule = by_arn[arns[name]]
            for action in rule["Actions"]:
                # What nobody asked for is said to be off.
                config = action.get("ForwardConfig", {})
                if config.get("TargetGroupStickinessConfig") == {"Enabled": False}:
                    del config["TargetGroupStickinessConfig"]
            found[name] = {
                "Priority": int(rule["Priority"]),
                "Conditions": rule["Conditions"],
                "Actions": rule["Actions"],
            }
        elif kind == "TargetGroup":
            group = elb.describe_target_groups(TargetGroupArns=[arns[name]])["TargetGroups"][0]
            attributes = [{"Key": a["Key"], "Value": value(a["Value"])} for a in properties["TargetGroupAttributes"]]
            elb.modify_target_group_attributes(TargetGroupArn=arns[name], Attributes=attributes)
            kept = elb.describe_target_group_attributes(TargetGroupArn=arns[name])["Attributes"]
            targets = [{"Id": value(t["Id"]), "Port": t["Port"]} for t in properties["Targets"]]
            if targets:
                elb.register_targets(TargetGroupArn=arns[name], Targets=targets)
            health = elb.describe_target_health(TargetGroupArn=arns[name])["TargetHealthDescriptions"]
            registered = [{"Id": h["Target"]["Id"], "Port": h["Target"]["Port"]} for h in health]
            keys = [k for k in properties if k.startswith("Health") or k in ("Protocol", "Port", "TargetType", "Matcher")]
            keys += ["UnhealthyThresholdCount"]
            found[name] = {k: group.get(k) for k in dict.fromkeys(keys)}
            found[name]["attributes"] = kept
            found[name]["targets"] = sorted(registered, key=json.dumps)
            found[name]["wanted"] = sorted(targets, key=json.dumps)
    found = named(found, names)
    formation.delete_stack(StackName=stack)
    return {"reduced": template, "found": found}


def main():
    os.environ.update(AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s", AWS_DEFAULT_REGION=REGION)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    clients = [
        boto3.client(name, endpoint_url=f"http://{host}:{port}", region_name=REGION)
        for name in ("ec2", "acm", "cloudformation", "elbv2")
    ]
    results = []
    for number, path in enumerate(sys.argv[1:]):
        with open(path, encoding="utf-8") as file:
            template = json.load(file)
        try:
            results.append(deploy(template, number, clients))
        except Exception as why:  # what the server refuses is for the caller to tell
            results.append({"refused": f"{type(why).__name__}: {why}"})
    server.stop()
    json.dump(results, sys.stdout)


main()
