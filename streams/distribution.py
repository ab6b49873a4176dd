"""Where this distribution can be had: what a person is told who lacks the packages of an extra."""

from streams import __version__

# True once a package index has Tocsin under this name, and it is ours. As long as it is not, anybody who
# registers the name runs code on the machine of everybody who is told to install it, so a message names the
# file of the wheel.
ON_PACKAGE_INDEX = False


def requirement(extra: str) -> str:
    """What pip is given to install this version with an extra: a name, or the wheel of `make dist`."""
    if ON_PACKAGE_INDEX:
        return f"tocsin[{extra}]"
    return f"./dist/tocsin-{__version__}-py3-none-any.whl[{extra}]"


def packages_missing(who: str, extra: str, missing: str) -> str:
    """The message that `who` ("the console") lacks packages of `extra`; `missing` is the first."""
    whose = "" if ON_PACKAGE_INDEX else ", with the path of your wheel (`make dist` builds one)"
    return (
        f"{who} needs packages that are not installed ({missing} is missing): "
        f"pip install '{requirement(extra)}'{whose}"
    )
