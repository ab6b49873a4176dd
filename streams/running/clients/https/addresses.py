"""To which addresses an adapter may connect: public ones, and those of networks that the operator names.

An address in a setting, or a name that somebody else's DNS answers, could otherwise lead to what only this
machine can reach: a broker's own interface, or the service that hands out a cloud machine's credentials.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from yarl import URL

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# The special-purpose registries of IANA, as of 2026. `is_global` answers by the registry of the day on which
# that version of Python was made: 3.11.7 takes 192.0.0.192, from which machines in Oracle's cloud get
# credentials, for a public address.
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        # Public, but on every virtual machine of Azure it is the machine's own cloud, which gives out
        # configuration.
        "168.63.129.16/32",
        "2001::/23", "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip

_THIS_MACHINE: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

# All public addresses of IPv6 are in it (RFC 4291).
_PUBLIC_IPV6 = ip_network("2000::/3")

# Carries an IPv4 address in its last 32 bits (RFC 6052), so a gateway would lead to a private one.
_NAT64 = ip_network("64:ff9b::/96")


class AddressNotAllowed(OSError):
    """The name of the receiver leads to an address to which the adapter may not connect."""


def may_connect(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether an address is public or in one of the `allowed` networks."""
    inner = _carried(address)
    if any(inner in network for network in allowed):
        return True
    if any(inner in network for network in _NOT_PUBLIC):
        return False
    return isinstance(inner, IPv4Address) or inner in _PUBLIC_IPV6


def is_loopback(host: str) -> bool:
    """Whether a host is written as an address of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_this_machine(host: str) -> bool:
    """Whether a host is localhost, or is written as an address of this machine alone."""
    return host == "localhost" or is_loopback(host)


def with_this_machine(allowed: Iterable[Network], address: str) -> tuple[Network, ...]:
    """The `allowed` networks, and those of this machine if the URL of a server is on it."""
    return (*allowed, *(_THIS_MACHINE if is_this_machine(URL(address).host or "") else ()))


def keeps_secrets(url: URL, secure: str = "https", plain: str = "http") -> bool:
    """Whether a secret may be sent to a URL: with TLS, or to this machine; and nothing else is in the URL.

    `secure` and `plain` are the schemes with and without TLS.
    """
    # Between two processes of one machine nobody listens who could not read the secret, too.
    private = url.scheme == secure or (url.scheme == plain and is_this_machine(url.host or ""))
    return private and bool(url.host) and not (url.user or url.password or url.query_string or url.fragment)


def check_server(address: str) -> str:
    """Return the address of a server to which a secret may be sent. Raises ValueError with what is valid."""
    url = URL(address)
    if not keeps_secrets(url) or url.path != "/":
        raise ValueError(
            "must be an https address without a path, such as https://matrix.example.org; http is for "
            "127.0.0.1, ::1 and localhost alone"
        )
    return address


def guarded_sockets(allowed: Sequence[Network]) -> Callable[[tuple[Any, ...]], socket.socket]:
    """A function that opens the socket of a connection.

    It sees the very address that is connected to, so a name cannot lead elsewhere between a check and its
    use. Raises AddressNotAllowed.
    """

    def open_socket(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, place = found
        # An IPv6 address may end with the zone of a link.
        if not may_connect(ip_address(place[0].partition("%")[0]), allowed):
            raise AddressNotAllowed(
                "the receiver's name leads to an address that is not public and in no allowed network"
            )
        return socket.socket(family=family, type=kind, proto=protocol)

    return open_socket


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address
