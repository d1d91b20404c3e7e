"""Options that several commands share."""

import pytest
import typer
from typer.testing import CliRunner

from dan.cli.options import Ray, RayCommand


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["a"], "None a"),
        (["--ray", "a"], "local a"),
        (["a", "--ray"], "local a"),
        (["--ray", "auto", "a"], "auto a"),
        (["--ray", "ray://head:10001", "a"], "ray://head:10001 a"),
        (["a", "--ray", "10.0.0.1:6379"], "10.0.0.1:6379 a"),
        (["--ray=auto", "a"], "auto a"),
        (["--ray", "s3://bucket/a"], "local s3://bucket/a"),
    ],
)
def test_the_address_of_a_cluster_may_be_left_out(line, message):
    app = typer.Typer()

    @app.command(cls=RayCommand)
    def command(given: str, ray: Ray = None) -> None:
        typer.echo(f"{ray} {given}")

    done = CliRunner().invoke(app, line)
    assert done.output == f"{message}\n"
