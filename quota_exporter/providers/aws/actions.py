"""Operations of AWS, by the names that boto3, IAM and budgets have for them."""

PREFIXES = {
    "amp": "aps",
    "docdb": "rds",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "neptune": "rds",
    "opensearch": "es",
    "service-quotas": "servicequotas",
    "sesv2": "ses",
    "stepfunctions": "states",
}
"""IAM's name of a service where boto3 has another one."""

ACTIONS = {"s3.ListBuckets": "s3:ListAllMyBuckets", "apigateway.GetAccount": "apigateway:GET"}
"""Actions that are not named after their operation.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


THIN = frozenset(
    {
        "service-quotas.ListServiceQuotas",
        "service-quotas.ListAWSDefaultServiceQuotas",
        "service-quotas.ListRequestedServiceQuotaChangeHistory",
        "cloudwatch.GetMetricData",
        "cloudwatch.ListMetrics",
    }
)
"""Calls that are made often, and so without boto3 (`wire`)."""

DISCOVERY = (
    "ec2:DescribeRegions (only where neither file nor environment names a region, and with `regions: all`)",
    "iam:ListAccountAliases (only for the name of an account that no organization names)",
    "organizations:ListAccounts (only with `organization`)",
    "organizations:ListAccountsForParent (only with `organizational_units`)",
    "organizations:ListOrganizationalUnitsForParent (only with `organizational_units`)",
    "organizations:ListTagsForResource (only with `tags`)",
    "sts:AssumeRole (only with `assume`, `accounts` or `organization`)",
)
"""What finding accounts and regions needs."""


def action(call: str) -> str:
    """The IAM action that allows a call: `ec2:DescribeSubnets` for `ec2.DescribeSubnets`."""
    if call in ACTIONS:
        return ACTIONS[call]
    service, _, operation = call.partition(".")
    return f"{PREFIXES.get(service, service)}:{operation}"
