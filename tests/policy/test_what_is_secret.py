"""What is taken for a secret, and what is not."""

from __future__ import annotations

import pytest

from drydock.policy.secrets import HIDDEN, hidden, is_secret, says_secret

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq\nq8f2\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SECRETS = {
    "an access key id": ("AKIAIOSFODNN7EXAMPLE",) * 2,
    "a temporary one": ("user ASIAIOSFODNN7EXAMPLE called", "ASIAIOSFODNN7EXAMPLE"),
    "a secret access key": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",) * 2,
    "a session token": ("token IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJGMEQCIAx", "X2VjEJr"),
    "a private key": (f"before {PEM} after", "MIIEowIBAAKCAQEA7bq"),
    "half a private key": (PEM[:60], "MIIEowIBAAK"),
    "a private key in JSON": (PEM.replace("\n", "\\n"), "q8f2"),
    "a bearer token": ("Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi_jkl"),
    "basic authorization": ('{"Authorization": "Basic dXNlcjpodW50ZXIy"}', "dXNlcjpodW50ZXIy"),
    "a JSON Web Token": (f"cookie={JWT}", JWT),
    "a token of GitHub's": ("https://ghp_16C7e42F292c6912E7710c838347Ae178B4a@github.com", "16C7e42F292c"),
    "a password in a URL": ("postgres://shop:hunter2@db.internal:5432/shop", "hunter2"),
    "one with an @ and a slash": ("amqp://shop:p@ss/w0rd@mq:5672/", "p@ss/w0rd"),
    "one of digits": ("redis://:123456@cache:6379/0", "123456"),
    "a connection string": ("Server=db;User Id=sa;Password=hunter2;Encrypt=true", "hunter2"),
    "a flag": ("mysqld --user root --password hunter2", "hunter2"),
    "an assignment": ("run with DB_PASSWORD=hunter2 now", "hunter2"),
    "an assignment in one": ("set=PGPASSWORD=hunter2", "hunter2"),
    "JSON": ('{"username": "sa", "password": "correct horse"}', "horse"),
    "JSON in JSON": ('"{\\"password\\": \\"hunter2\\"}"', "hunter2"),
    "a pair of name and value": ("[{'name': 'DB_PASSWORD', 'value': 'hunter2'}]", "hunter2"),
    "a pair in JSON": ('{"Name": "API_KEY", "Value": "hunter2"}', "hunter2"),
    "Python": ("{'api_key': 'k3y'}", "k3y"),
    "a query": ("https://api/x?access_token=abc123&limit=5", "abc123"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_a_secret_in_a_text_is_hidden(text: str, secret: str) -> None:
    assert secret not in hidden(text)
    assert HIDDEN in hidden(text)
    assert hidden(hidden(text)) == hidden(text)
    assert is_secret("note", text)


OPEN = [
    "arn:aws:ecs:us-east-1:000000000000:task-definition/drydock-hello:12",
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:shop/db-AbCdEf:password::",
    "from arn:aws:secretsmanager:us-east-1:111122223333:secret:shop1/db-AbCdE9:password:AWSCURRENT: it is read",
    "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/drydock-hello/50dc6c495c0c9188",
    "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a2dd0ca1c3f5a3e2b7c6d5e4f3a2b1c0d9e8f7a6",
    "123e4567-e89b-12d3-a456-426614174000",
    "plan-0123456789abcdef0123456789abcdef",
    "http://127.0.0.1:4566/path@sha256",
    "http://localhost:8080 and me@example.com",
    "services[0].{status: status, desiredCount: desiredCount}",
    "{secrets: taskDefinition.secrets, nextToken: nextToken}",
    "the password is read from Secrets Manager",
    "the token of get_authorization_token",
    "2026-11-27T11:44:53.123+00:00",
    "DB_PASSWORD=${DB_PASSWORD}",
    "password: arn:aws:ssm:us-east-1:000000000000:parameter/shop",
    "AROAIOSFODNN7EXAMPLEX:session",
    "TargetGroupHealthCheckPathOfDrydockHello1",
    "curl -f http://localhost:8080/health || exit 1",
    "key=team",
]


@pytest.mark.parametrize("text", OPEN)
def test_what_is_no_secret_stays_to_be_read(text: str) -> None:
    assert hidden(text) == text
    assert not is_secret("value", text)


@pytest.mark.parametrize("name", ["PASSWORD", "DB_PASSWORD", "PGPASSWORD", "dbPassword", "redis-passwd", "API_KEY",
                                  "apiKey", "SecretString", "AWS_SECRET_ACCESS_KEY", "clientSecret", "MYSQL_PWD",
                                  "RandomPassword", "SSHPrivateKey"])  # fmt: skip
def test_whatever_goes_under_such_a_name_is_secret(name: str) -> None:
    assert says_secret(name)
    assert is_secret(name, "123e4567-e89b-12d3-a456-426614174000") and is_secret(name, "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_NAME", "shop/db-2024"),
        ("PASSWORD_FILE", "/run/secrets/db1"),
        ("passwordLength", "32"),
        ("nextToken", "eyJ2MSI6Ik5leHQgcGFnZSAxMiJ9"),
        ("clientRequestToken", "9f86d081884c7d65"),
        ("kmsKeyId", "alias/shop-2024-key"),
        ("PUBLIC_KEY", "AAAAC3NzaC1lZDI1NTE5AAAAIB"),
        ("key", "Team-2024-Blue"),
        ("DB_PASSWORD", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf"),
        ("secret", "shop/db"),
        ("secret", "prod/db-2024x9"),
        ("TOKEN_TTL", "3600s9x8"),
        ("sortKey", "createdAt"),
        ("password", ""),
    ],
)
def test_what_is_about_a_secret_is_none(name: str, value: str) -> None:
    assert not is_secret(name, value)


@pytest.mark.parametrize("name", ["TOKEN", "SLACK_TOKEN", "APP_SECRET", "COOKIE_KEY", "authToken", "secret", "key"])
def test_a_random_value_under_such_a_name_is_secret(name: str) -> None:
    assert is_secret(name, "q7Gx2LmZ9vTr4")


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a." * 100_000, "a=" * 100_000, "http://a:b," * 20_000, "--pw " * 40_000]
)
def test_a_long_text_takes_no_longer_for_being_odd(text: str) -> None:
    assert len(hidden(text)) <= len(text) + 20 * text.count("--pw ")
