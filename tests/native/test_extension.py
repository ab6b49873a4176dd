from streams import __version__
from tests.tools import native_core


def test_the_extension_is_of_this_version():
    assert native_core().__version__ == __version__
