"""What a person can type where this program is installed: in a checkout, or from a wheel.

A message about packages that are missing names the file of the wheel, and one about a page names the command
that shows it.
"""

import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from streams import __version__

# True once a package index has Tocsin under this name, and it is ours. As long as it is not, anybody who
# registers the name runs code on the machine of everybody who is told to install it, so a message names the
# file of the wheel.
ON_PACKAGE_INDEX = False

_ROOT: Final = Path(__file__).parents[1]


def _is_checkout() -> bool:
    return (_ROOT / "Makefile").is_file()


def typed_here(in_checkout: str, installed: str) -> str:
    """The first if this is a checkout, in which there is `make`; else the second."""
    return in_checkout if _is_checkout() else installed


def pages_folder() -> Path:
    """The folder of the pages: docs/ of the checkout, or their copy in the wheel."""
    return _ROOT / "docs" if _is_checkout() else Path(__file__).with_name("pages")


def with_pages_named(text: str) -> str:
    """`text` in which `docs/NAME.md` is `tocsin docs NAME`, if this is no checkout and has the pages."""
    if _is_checkout() or not pages_folder().is_dir():
        return text
    return re.sub(r"`?\bdocs/([\w/-]+)\.md`?", r"`tocsin docs \1`", text)


def requirement(extra: str) -> str:
    """What pip is given to install this version with an extra: a name, or the wheel of `make dist`."""
    if ON_PACKAGE_INDEX:
        return f"tocsin[{extra}]"
    return f"{installed_wheel() or f'./dist/tocsin-{__version__}-py3-none-any.whl'}[{extra}]"


def packages_missing(who: str, extra: str, missing: str) -> str:
    """The message that `who` ("the console") lacks packages of `extra`; `missing` is the first."""
    whose = ""
    if not ON_PACKAGE_INDEX and installed_wheel() is None:
        whose = ", with the path of your wheel" + typed_here(" (`make dist` builds one)", "")
    return (
        f"{who} needs packages that are not installed ({missing} is missing): "
        f"pip install '{requirement(extra)}'{whose}"
    )


def installed_wheel() -> Path | None:
    """The wheel from which this was installed, as its installer noted it, if it is still there."""
    # Slow to import, and --help does without.
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415

    try:
        noted = distribution("tocsin").read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    url = urlsplit(json.loads(noted)["url"]) if noted else None
    wheel = Path(unquote(url.path)) if url is not None and url.scheme == "file" else None
    return wheel if wheel is not None and wheel.suffix == ".whl" and wheel.is_file() else None
