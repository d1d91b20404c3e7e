"""Optional packages: imported, or what installs them is said."""

import math
import sys

import pytest

from dan.core.errors import DanError
from dan.core.extras import require


def test_what_is_installed_is_imported():
    assert require("math", extra="train") is math
    assert require("os.path", extra="train").join("a", "b") == "a/b"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (None, "nonsense: it is not installed. Run pip install 'dan-denoiser[biosignals]'."),
        ("a.edf", "a.edf: it takes nonsense, which is not installed. Run pip install "),
    ],
)
def test_what_is_missing_is_named_with_what_installs_it(what, message):
    with pytest.raises(DanError) as raised:
        require("nonsense.of", extra="biosignals", what=what)
    assert str(raised.value).startswith(message)


def test_the_package_that_is_missing_is_named_not_the_one_that_wants_it(tmp_path, monkeypatch):
    (tmp_path / "wanting.py").write_text("import missing_one.deep")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DanError, match=r"^missing_one: "):
        require("wanting", extra="train")
    assert "wanting" not in sys.modules
